#pragma once
// The parts that lines of a file of rules are made of: names of modules, labels of tensors (docs/map.md has the
// grammar).
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

// Reads a line from left to right. A comment ends it where a part could begin.
class RuleLine {
 public:
  // separators: what ends a part, beside blanks.
  RuleLine(std::string_view line, std::string_view separators) : line_(line), separators_(separators) {}

  void skip_blanks();
  bool at_end() const { return at_ >= line_.size() || line_[at_] == '#'; }
  char peek() const { return at_ < line_.size() ? line_[at_] : '\0'; }
  // Whether a name, a label or a word begins here.
  bool at_part() const { return !at_end() && !is_separator(peek()); }
  // Passes over the separator and the blanks around it, if it comes next.
  bool take(char separator);
  // What has been read, quoted.
  std::string shown_so_far() const;

  // Precondition of these: at_part(). Each passes over the blanks behind it.
  Expected<RuleSide> name();  // without its label
  Expected<std::string> label();
  std::string_view word();

 private:
  bool is_separator(char c) const { return separators_.find(c) != std::string_view::npos; }
  Expected<RuleSide> name_without_blanks();
  Expected<RuleSide> delimited(RuleSide::Kind kind, char delimiter);

  std::string_view line_, separators_;
  std::size_t at_ = 0;
};

// How a name, or a label, is written so that it is read as it stands.
std::string written_name(std::string_view name);

}  // namespace fvhooks::internal
