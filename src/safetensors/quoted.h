#pragma once
#include <string>
#include <string_view>

namespace fvhooks::internal {

// A name from a file, fit for a message: hostile ones may be megabytes long.
inline std::string quoted(std::string_view name) {
  constexpr std::size_t kLongest = 200;
  return "\"" + std::string(name.substr(0, kLongest)) + (name.size() > kLongest ? "…\"" : "\"");
}

}  // namespace fvhooks::internal
