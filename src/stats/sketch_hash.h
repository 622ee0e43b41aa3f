#pragma once
// Buckets and signs of docs/sketch.md.
#include <cstddef>
#include <cstdint>

namespace fvhooks::internal {

inline constexpr std::size_t kGroup = 256;

// Output number `index` of SplitMix64 seeded with 0 (Steele, Lea, Flood 2014).
[[gnu::always_inline]] constexpr std::uint64_t mix(std::uint64_t index) noexcept {
  std::uint64_t z = (index + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// The hash of one group of 256 elements.
struct GroupHash {
  std::uint64_t exchange;      // element e is in bucket e XOR exchange
  const std::uint64_t* signs;  // 4; bit e: element e is negated
};

// The hashes of the four groups of a tile.
struct TileHash {
  static constexpr std::uint64_t kWords = 5, kGroups = 4;

  [[gnu::always_inline]] explicit TileHash(std::uint64_t tile) noexcept {
    for (std::uint64_t i = 0; i < kWords * kGroups; ++i) words[i] = mix(kWords * kGroups * tile + i);
  }

  GroupHash group(std::size_t index) const noexcept {
    return {.exchange = words[kWords * index] & (kGroup - 1), .signs = words + kWords * index + 1};
  }

  std::uint64_t words[kWords * kGroups];
};

}  // namespace fvhooks::internal
