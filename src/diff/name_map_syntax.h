#pragma once
// The text of a file of rules, line by line (docs/map.md has the grammar). What a rule means is name_map.cc's business.
#include <optional>
#include <string_view>

#include "names/rule_line.h"

namespace fvhooks::internal {

struct RuleText {
  RuleSide left, right;
};

// Nothing: the line is blank or a comment. Error: what is wrong and what to do, without file and line.
Expected<std::optional<RuleText>> parse_rule(std::string_view line);

}  // namespace fvhooks::internal
