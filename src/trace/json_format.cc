#include "trace/json_format.h"

#include <charconv>
#include <cmath>
#include <string_view>

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
    const auto start = out.size();
    append_number(out, value);
    if (std::string_view(out).substr(start).find_first_of(".e") == std::string_view::npos) out += ".0";
  }
}

void append_json_integer(std::string& out, std::int64_t value) { append_number(out, value); }
void append_json_integer(std::string& out, std::uint64_t value) { append_number(out, value); }

void append_json_integer(std::string& out, Int128 value) {
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
