#pragma once
// The numbers that JSON has no word for: strings in our lines, bare words in FastVideo's.
#include <limits>
#include <optional>
#include <string_view>

namespace fvhooks::internal {

inline std::optional<double> special_number(std::string_view text) noexcept {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

}  // namespace fvhooks::internal
