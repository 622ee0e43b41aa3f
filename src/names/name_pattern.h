#pragma once
// What one side of a rule says: which names it means, and how such a name is made from the other side's wildcards.
#include <string>
#include <string_view>
#include <vector>

#include "names/rule_line.h"
#include "regex/python_regex.h"

namespace fvhooks::internal {

// Names that a side of a rule means. Wildcards are groups of a regular expression.
class NameMatcher {
 public:
  static Expected<NameMatcher> of(const RuleSide& side);  // a pattern, a name or an expression

  bool is_one_name() const noexcept { return !regex_; }
  const std::string& name() const noexcept { return name_; }  // if it is one
  const PythonRegex* regex() const noexcept { return regex_ ? &*regex_ : nullptr; }

  // The whole and what the wildcards stand for; empty if the name is not meant. Error: it takes too long to tell.
  Expected<std::vector<std::string>> match(std::string_view name) const;

 private:
  std::string name_;
  std::optional<PythonRegex> regex_;
};

// A name with places for wildcards.
class NameTemplate {
 public:
  // `blocks.*.attn1.**`, whose wildcards are those of another pattern, in order.
  static Expected<NameTemplate> of_pattern(const RuleSide& side);
  // `layers.\1.\g<rest>`, whose groups are those of `expression`.
  static Expected<NameTemplate> of_replacement(const RuleSide& side, const PythonRegex& expression);

  bool has_wildcards_of(const NameTemplate& other) const noexcept;
  std::string expand(const std::vector<std::string>& groups) const;

 private:
  struct Piece {
    std::string literal;
    std::size_t group = 0;  // 0: only the literal
    bool is_rest = false;   // `.**`: nothing, not even the point, where the group is empty
  };
  friend class NameMatcher;
  static Expected<std::vector<Piece>> pieces_of(const RuleSide& side);

  std::vector<Piece> pieces_;
};

}  // namespace fvhooks::internal
