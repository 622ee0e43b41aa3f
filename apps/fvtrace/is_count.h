#pragma once
// Checks an option that takes a count. CLI11's own check answers with the limits of a double.
#include <algorithm>
#include <string>

namespace fvtrace {

// What is wrong with `text`; empty if it is a count.
inline std::string is_count(const std::string& text) {
  const bool has_digits_alone = std::ranges::all_of(text, [](char digit) { return '0' <= digit && digit <= '9'; });
  return has_digits_alone && !text.empty() ? std::string() : text + " is no count: write 0, 1, 2 or more";
}

}  // namespace fvtrace
