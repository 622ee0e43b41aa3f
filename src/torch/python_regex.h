#pragma once
// Regular expressions in the syntax of Python's `re` (3.11), for str patterns, on PCRE2.
#include <memory>
#include <string>
#include <string_view>

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
