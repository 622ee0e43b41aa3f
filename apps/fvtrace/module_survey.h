#pragma once
// The modules of a program, told from a trace of shapes and dtypes: how they nest, and what their tensors take.
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "fvhooks/expected.h"

namespace fvtrace {

class ModuleSurvey {
 public:
  // Error: the trace cannot be read, or holds no record.
  static fvhooks::Expected<ModuleSurvey> read(const std::string& trace);

  // Modules that lie in no other but `module`. Of "", the root, those that lie in none.
  std::vector<std::string> children(const std::string& module) const;
  // Of all inputs and outputs of all calls.
  std::uint64_t bytes(const std::string& module) const;
  std::uint64_t bytes(const std::set<std::string>& modules) const;
  std::vector<std::string> all() const;

 private:
  const std::string& parent(const std::string& module) const;
  std::map<std::string, std::uint64_t> bytes_;
};

}  // namespace fvtrace
