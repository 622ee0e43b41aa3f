#pragma once
// "1 record", "3 records".
#include <cstdint>
#include <string>
#include <string_view>

namespace fvhooks::internal {

// `what` is the singular; its plural ends in s.
inline std::string counted(std::uint64_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

}  // namespace fvhooks::internal
