#include "trace/json_number.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>

namespace fvhooks::internal {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Length of the digits at the front.
std::size_t digits(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  return n;
}

enum class Grammar { None, Integer, Float };

// RFC 8259, section 6.
Grammar grammar_of(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const auto whole = digits(text);
  if (whole == 0 || (whole > 1 && text[0] == '0')) return Grammar::None;
  text.remove_prefix(whole);
  if (text.empty()) return Grammar::Integer;
  if (text[0] == '.') {
    text.remove_prefix(1);
    const auto fraction = digits(text);
    if (fraction == 0) return Grammar::None;
    text.remove_prefix(fraction);
  }
  if (!text.empty() && (text[0] == 'e' || text[0] == 'E')) {
    text.remove_prefix(1);
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    const auto exponent = digits(text);
    if (exponent == 0) return Grammar::None;
    text.remove_prefix(exponent);
  }
  return text.empty() ? Grammar::Float : Grammar::None;
}

// Counted downwards, since the smallest has no positive counterpart.
std::optional<Int128> parse_integer(std::string_view text) {
  const bool negative = text[0] == '-';
  Int128 value = 0;
  for (const char c : text.substr(negative ? 1 : 0)) {
    if (__builtin_mul_overflow(value, Int128{10}, &value)) return std::nullopt;
    if (__builtin_sub_overflow(value, Int128{c - '0'}, &value)) return std::nullopt;
  }
  if (negative) return value;
  if (__builtin_sub_overflow(Int128{0}, value, &value)) return std::nullopt;
  return value;
}

// Which way a number is out of range, from_chars does not tell: by the decimal place of the first digit that counts.
bool is_large(std::string_view text) {
  const auto mantissa = text.substr(0, text.find_first_of("eE"));
  const auto point = static_cast<std::int64_t>(std::min(mantissa.find('.'), mantissa.size()));
  const auto first = static_cast<std::int64_t>(mantissa.find_first_of("123456789"));
  std::int64_t exponent = 0;
  if (mantissa.size() < text.size()) {
    auto written = text.substr(mantissa.size() + 1);
    if (written.starts_with('+')) written.remove_prefix(1);
    const auto [end, failed] = std::from_chars(written.data(), written.data() + written.size(), exponent);
    if (failed != std::errc()) return !written.starts_with('-');
  }
  return exponent > first - point;
}

double parse_double(std::string_view text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc::result_out_of_range) return value;
  const double magnitude = is_large(text) ? std::numeric_limits<double>::infinity() : 0.0;
  return text[0] == '-' ? -magnitude : magnitude;
}

}  // namespace

std::optional<JsonNumber> parse_json_number(std::string_view text) noexcept {
  const auto grammar = grammar_of(text);
  if (grammar == Grammar::None) return std::nullopt;
  if (grammar == Grammar::Integer) {
    if (const auto integer = parse_integer(text)) return *integer;
  }
  return parse_double(text);
}

}  // namespace fvhooks::internal
