#include "trace/json_format.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace fvhooks::internal {
namespace {

template <class Number>
void append_number(std::string& out, Number value) {
  char text[32];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

}  // namespace

void append_json_float(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
  } else if (std::isinf(value)) {
    out += value < 0 ? "\"-Infinity\"" : "\"Infinity\"";
  } else {
    char text[32];
    char* end = std::to_chars(text, text + sizeof text, value).ptr;
    const bool reads_as_integer = std::none_of(text, end, [](char c) { return c == '.' || c == 'e'; });
    if (reads_as_integer) end = std::copy_n(".0", 2, end);
    out.append(text, end);
  }
}

void append_json_integer(std::string& out, std::int64_t value) { append_number(out, value); }
void append_json_integer(std::string& out, std::uint64_t value) { append_number(out, value); }

void append_json_integer(std::string& out, Int128 value) {
  if (value == static_cast<std::int64_t>(value)) return append_number(out, static_cast<std::int64_t>(value));
  __extension__ using Magnitude = unsigned __int128;
  auto rest = static_cast<Magnitude>(value);
  if (value < 0) rest = -rest;  // as unsigned: the smallest has no positive counterpart
  char digits[40];
  char* const end = digits + sizeof digits;
  char* first = end;
  do {
    *--first = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  } while (rest != 0);
  if (value < 0) *--first = '-';
  out.append(first, end);
}

}  // namespace fvhooks::internal
