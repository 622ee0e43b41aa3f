#pragma once
// Which records `show` shows.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fvhooks/config.h"
#include "fvhooks/record.h"
#include "regex/python_regex.h"

namespace fvtrace {

struct RecordFilter {
  std::vector<std::string> modules, tensors;            // globs, of which one must match; none: all
  std::optional<fvhooks::internal::PythonRegex> regex;  // searched in the module
  fvhooks::StepFilter steps;
  std::optional<std::uint64_t> call;
  std::optional<std::int64_t> rank;
  std::string run, root;  // empty: all
  bool non_finite = false;

  bool passes(const fvhooks::Record& record) const;
};

}  // namespace fvtrace
