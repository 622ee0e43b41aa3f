#pragma once
// A set of texts of which only 64 bits each are kept: 16 bytes a text at most, and once in a thousand times, among a
// hundred million texts, two that are taken for the same.
#include <cstdint>
#include <string_view>
#include <vector>

namespace fvtrace {

class Fingerprints {
 public:
  bool insert(std::string_view text);  // false: it was there

 private:
  bool place(std::uint64_t fingerprint);

  std::vector<std::uint64_t> slots_ = std::vector<std::uint64_t>(1024);  // 0: free
  std::size_t count_ = 0;
};

}  // namespace fvtrace
