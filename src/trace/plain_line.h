#pragma once
// Takes a line of JSON apart where it is as plain as tracers write it: one object, text of printable ASCII without
// escapes, lists of numbers only. That is nearly every line, and needs no JSON parser.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace fvhooks::internal {

struct PlainMember {
  std::string_view key;
  std::string_view value;  // as it stands: a string with its quotes, a list with its brackets
};

// A key, with quotes and colon, that stood at some place of the line before: it most likely stands there again.
class ExpectedKey {
 public:
  ExpectedKey() = default;
  ExpectedKey(std::string_view text, std::string_view key);

  bool begins(const char* text) const noexcept;  // sixteen bytes are readable
  std::size_t size() const noexcept { return size_; }

 private:
  std::array<std::uint64_t, 2> words_{}, masks_{};
  std::size_t size_ = 0;  // 0: none that is short enough
};

class PlainLineSplitter {
 public:
  // False: the line is not plain, whether it is JSON or not; `members` is unspecified then. True: it is a JSON object
  // (with FastVideo's bare NaN and Infinity). 64 bytes behind the line are readable.
  bool split(std::string_view line, std::vector<PlainMember>& members);

 private:
  std::vector<ExpectedKey> expected_;  // by place
};

}  // namespace fvhooks::internal
