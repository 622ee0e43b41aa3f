// Python's pattern syntax, rewritten in PCRE2's. Only the places where the two read the same text differently are
// touched.
#include <algorithm>
#include <cctype>
#include <string>

#include "regex/python_regex.h"

namespace fvhooks::internal {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_octal(char c) { return c >= '0' && c <= '7'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  Expected<TranslatedPattern> run() {
    leading_flags();
    while (ok() && at_ < pattern_.size()) item();
    if (!ok()) return Error{error_};
    return std::move(result_);
  }

 private:
  bool ok() const { return error_.empty(); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0'; }
  bool starts_with(std::string_view text) const { return pattern_.substr(at_).starts_with(text); }
  void fail(std::string_view what) { error_ = std::string(what) + " at byte " + std::to_string(at_); }
  void copy(std::size_t count) {
    result_.pattern += pattern_.substr(at_, count);
    at_ = std::min(at_ + count, pattern_.size());
  }
  void put_code_point(std::string_view hex) { result_.pattern.append("\\x{").append(hex).append("}"); }

  // (?aiLmsux), once or more at the very start; `a` and `u` choose what PCRE2 takes as compile options.
  void leading_flags() {
    while (ok() && starts_with("(?")) {
      const auto end = pattern_.find_first_not_of("aiLmsux", at_ + 2);
      if (end == std::string_view::npos || pattern_[end] != ')' || end == at_ + 2) return;
      const auto flags = pattern_.substr(at_ + 2, end - at_ - 2);
      const auto has = [&](char flag) { return flags.find(flag) != std::string_view::npos; };
      if (has('L')) return fail("the flag L is not for text");
      result_.ascii |= has('a');
      verbose_ |= has('x');
      for (const char flag : flags)
        if (flag != 'a' && flag != 'u') result_.pattern.append("(?").append(1, flag).append(")");
      at_ = end + 1;
    }
  }

  void item() {
    switch (peek()) {
      case '\\':
        return escape(/*in_class=*/false);
      case '[':
        return character_class();
      case '(':
        return group();
      case '{':
        return brace();
      case '#':
        if (verbose_) return copy(std::min(pattern_.find('\n', at_), pattern_.size()) - at_);
        return copy(1);
      default:
        return copy(1);
    }
  }

  void group() {
    if (peek(1) == '*') return fail("nothing to repeat");  // PCRE2's verbs
    if (peek(1) != '?') return copy(1);
    if (starts_with("(?#")) {
      const auto end = pattern_.find(')', at_);
      if (end == std::string_view::npos) return fail("a comment has no end");
      at_ = end + 1;
      return;
    }
    for (const std::string_view start : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?P<", "(?P="})
      if (starts_with(start)) return copy(start.size());
    if (starts_with("(?(")) return copy(3);
    return inline_flags();
  }

  // (?i-s:…); without a colon only at the start of a pattern.
  void inline_flags() {
    const auto end = pattern_.find_first_not_of("aimsux-", at_ + 2);
    if (end == std::string_view::npos || end == at_ + 2 || pattern_[end] != ':')
      return fail(end != std::string_view::npos && end > at_ + 2 && pattern_[end] == ')'
                      ? "global flags are not at the start of the expression"
                      : "Python has no such group");
    const auto flags = pattern_.substr(at_ + 2, end - at_ - 2);
    if (flags.find_first_of("au") != std::string_view::npos)
      return fail("the flags a and u are taken only at the start");
    copy(end - at_ + 1);
  }

  // `{,n}` counts from zero in Python only.
  void brace() {
    std::size_t digits = 2;
    while (is_digit(peek(digits))) ++digits;
    if (peek(1) != ',' || peek(digits) != '}') return copy(1);
    result_.pattern += "{0";
    ++at_;
    copy(digits);
  }

  void character_class() {
    copy(peek(1) == '^' ? 2 : 1);
    if (peek() == ']') result_.pattern += '\\', copy(1);
    while (ok() && peek() != ']') {
      if (at_ >= pattern_.size()) return fail("a character set has no end");
      if (peek() == '[') result_.pattern += '\\';  // PCRE2 would look for [:name:]
      if (peek() == '\\')
        escape(/*in_class=*/true);
      else
        copy(1);
    }
    copy(1);
  }

  void escape(bool in_class) {
    const char c = peek(1);
    if (at_ + 1 >= pattern_.size()) return fail("a backslash ends the pattern");
    if (is_digit(c)) return number(in_class);
    if (!is_letter(c)) {
      // UTF-8: the backslash before a letter beyond ASCII means nothing.
      if (static_cast<unsigned char>(c) >= 0x80) ++at_;
      return copy(static_cast<unsigned char>(c) >= 0x80 ? 1 : 2);
    }
    switch (c) {
      case 'x':
        return hex(2);
      case 'u':
        return hex(4);
      case 'U':
        return hex(8);
      case 'v':
        at_ += 2;
        return put_code_point("b");
      case 'Z':
        if (in_class) break;
        at_ += 2;
        result_.pattern += "\\z";
        return;
      case 'B':
        if (in_class) break;
        at_ += 2;
        result_.pattern += "(?:(?!\\A\\z)\\B)";  // Python's never matches in an empty text
        return;
      default:
        if (std::string_view(in_class ? "abfnrtdDsSwW" : "AbafnrtdDsSwW").find(c) != std::string_view::npos)
          return copy(2);
    }
    fail(std::string("Python has no escape \\") + c);
  }

  void hex(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      if (!is_hex(peek(2 + i))) return fail("an escape wants " + std::to_string(count) + " hexadecimal digits");
    put_code_point(pattern_.substr(at_ + 2, count));
    at_ += 2 + count;
  }

  // \0, \012 and \123 are octal, \1 to \99 refer to groups.
  void number(bool in_class) {
    std::size_t octal = 1;
    while (octal <= 3 && is_octal(peek(octal))) ++octal;
    const std::size_t count = octal - 1;
    if (peek(1) == '0' || in_class || (count == 3)) {
      if (count == 0) return fail("a character set has no references");
      const auto digits = pattern_.substr(at_ + 1, count);
      int value = 0;
      for (const char digit : digits) value = value * 8 + (digit - '0');
      if (value > 0377) return fail("an octal escape goes to \\377");
      constexpr char kHex[] = "0123456789abcdef";
      put_code_point(std::string{kHex[value >> 4], kHex[value & 15]});
      at_ += 1 + count;
      return;
    }
    const std::size_t digits = is_digit(peek(2)) ? 2 : 1;
    result_.pattern.append("\\g{").append(pattern_.substr(at_ + 1, digits)).append("}");
    at_ += 1 + digits;
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  bool verbose_ = false;
  std::string error_;
  TranslatedPattern result_;
};

}  // namespace

Expected<TranslatedPattern> translate_python_pattern(std::string_view pattern) { return Translator(pattern).run(); }

}  // namespace fvhooks::internal
