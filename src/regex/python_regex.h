#pragma once
// Regular expressions in the syntax of Python's `re` (3.11), for str patterns, on PCRE2.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fvhooks/expected.h"

namespace fvhooks::internal {

// Any thread may search. What Python spells or reads otherwise than PCRE2 is translated, what PCRE2 alone has is an
// error; so are `\N{…}` and `(?a:…)`.
class PythonRegex {
 public:
  // Error: what is wrong and at which byte of the pattern.
  static Expected<PythonRegex> compile(std::string_view pattern);
  PythonRegex(PythonRegex&&) noexcept;
  PythonRegex& operator=(PythonRegex&&) noexcept;
  ~PythonRegex();

  // re.search. Error: the pattern backtracks beyond PCRE2's limits on this subject (Python would not come back).
  Expected<bool> search(std::string_view subject) const;

  // re.fullmatch: the text of each group, the whole first and "" for one that took no part; empty if there is no match.
  Expected<std::vector<std::string>> full_match(std::string_view subject) const;

  std::size_t group_count() const noexcept;  // without the whole
  std::optional<std::size_t> group_named(const std::string& name) const noexcept;

 private:
  struct Code;
  explicit PythonRegex(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

// A Python pattern in PCRE2's syntax, and what its leading (?a) says.
struct TranslatedPattern {
  std::string pattern;
  bool ascii = false;
};
Expected<TranslatedPattern> translate_python_pattern(std::string_view pattern);

}  // namespace fvhooks::internal
