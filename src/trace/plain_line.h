#pragma once
// Takes a line of JSON apart where it is as plain as tracers write it: one object, text of printable ASCII without
// escapes, lists of numbers only. That is nearly every line, and needs no JSON parser.
#include <cstddef>
#include <string_view>
#include <vector>

namespace fvhooks::internal {

struct PlainMember {
  std::string_view key;
  std::string_view value;  // as it stands: a string with its quotes, a list with its brackets
};

// False: the line is not plain, whether it is JSON or not; `members` is unspecified then. True: it is a JSON object
// (with FastVideo's bare NaN and Infinity). 64 bytes behind the line are readable.
bool split_plain_line(std::string_view line, std::vector<PlainMember>& members);

}  // namespace fvhooks::internal
