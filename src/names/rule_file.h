#pragma once
// A file of rules, a line each.
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "fvhooks/expected.h"

namespace fvhooks::internal {

// Error: the path and why it cannot be read.
Expected<std::string> read_rule_file(const std::string& path);

// Calls with each line, without its newline, and "FILE:LINE"; a byte order mark at the front is passed over.
using RuleVisitor = std::function<std::optional<Error>(std::string_view line, const std::string& where)>;
// The first error, with "FILE:LINE: " before it; then the lines behind it are not visited.
std::optional<Error> visit_rules(std::string_view text, const std::string& path, const RuleVisitor& visit);

}  // namespace fvhooks::internal
