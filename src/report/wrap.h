#pragma once
// Lines that fit a terminal.
#include <cstddef>
#include <string>
#include <string_view>

namespace fvhooks::internal {

// Breaks lines longer than `width` at blanks; what follows is indented by two more than the line is. Words that are
// longer stay whole, and escape sequences of colours take no room.
std::string wrapped(std::string_view text, std::size_t width);

}  // namespace fvhooks::internal
