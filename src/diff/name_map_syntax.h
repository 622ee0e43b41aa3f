#pragma once
// The text of a file of rules, line by line (docs/map.md has the grammar). What a rule means is name_map.cc's business.
#include <optional>
#include <string>
#include <string_view>

#include "fvhooks/expected.h"

namespace fvhooks::internal {

struct RuleSide {
  enum class Kind {
    Pattern,     // blocks.*.attn1, or the template of an expression
    Name,        // "a name, as it stands"
    Expression,  // /blocks\.(\d+)/
    Nothing,     // -
    Root,        // @transformer
  };
  Kind kind = Kind::Pattern;
  std::string text;                  // without quotes, slashes and @
  std::optional<std::string> label;  // of one tensor
};

struct RuleText {
  RuleSide left, right;
};

// Nothing: the line is blank or a comment. Error: what is wrong and what to do, without file and line.
Expected<std::optional<RuleText>> parse_rule(std::string_view line);

// How a name, or a label, is written so that it is read as it stands.
std::string written_name(std::string_view name);

}  // namespace fvhooks::internal
