#pragma once
// Does a trace say what docs/record.md allows, and all of it?
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>

#include "fingerprints.h"
#include "fvhooks/record.h"
#include "seen_numbers.h"

namespace fvtrace {

// What one record says that cannot be: types, ranges, numbers that contradict each other.
using Complain = std::function<void(const std::string& message)>;
void check_record(const fvhooks::Record& record, const Complain& complain);

// What records say of each other: repeated numbers, gaps, one place recorded twice. A run may be spread over files.
class RunCheck {
 public:
  void add(const fvhooks::Record& record, const Complain& complain);
  void finish(const Complain& complain) const;  // what is missing at the end

 private:
  std::map<std::string, SeenNumbers> seq_of_run_;
  Fingerprints places_;
};

}  // namespace fvtrace
