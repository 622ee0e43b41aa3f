#pragma once
// Buckets and signs of docs/sketch.md.
#include <cstddef>
#include <cstdint>

namespace fvhooks::internal {

inline constexpr std::size_t kGroup = 256;
inline constexpr std::size_t kBlock = 64;

// Output number `index` of SplitMix64 seeded with 0 (Steele, Lea, Flood 2014).
[[gnu::always_inline]] constexpr std::uint64_t mix(std::uint64_t index) noexcept {
  std::uint64_t z = (index + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// The hash of one group of 256 elements, which is four blocks of 64. Block b's element e is in bucket e XOR
// lane_exchange(b) of block b XOR block_exchange().
class GroupHash {
 public:
  explicit GroupHash(const std::uint64_t* words) noexcept : words_(words) {}

  std::size_t block_exchange() const noexcept { return words_[0] >> 6 & 3; }
  std::size_t lane_exchange(std::size_t block) const noexcept { return words_[0] >> (8 + 6 * block) & (kBlock - 1); }
  std::uint64_t signs(std::size_t block) const noexcept { return words_[1 + block]; }  // bit e: e is negated

 private:
  const std::uint64_t* words_;
};

// The hashes of the four groups of a tile.
struct TileHash {
  static constexpr std::uint64_t kWords = 5, kGroups = 4;

  [[gnu::always_inline]] explicit TileHash(std::uint64_t tile) noexcept {
    for (std::uint64_t i = 0; i < kWords * kGroups; ++i) words[i] = mix(kWords * kGroups * tile + i);
  }

  GroupHash group(std::size_t index) const noexcept { return GroupHash(words + kWords * index); }

  std::uint64_t words[kWords * kGroups];
};

}  // namespace fvhooks::internal
