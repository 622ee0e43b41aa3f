#pragma once
// Buckets and signs of docs/sketch.md.
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fvhooks::internal {

inline constexpr std::size_t kGroup = 256;

// Output number `index` of SplitMix64 seeded with 0 (Steele, Lea, Flood 2014).
constexpr std::uint64_t mix(std::uint64_t index) noexcept {
  std::uint64_t z = (index + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// The hash of one group of 256 elements.
struct GroupHash {
  explicit GroupHash(std::uint64_t group) noexcept : exchange(mix(5 * group) & 255) {
    for (std::uint64_t word = 0; word < signs.size(); ++word) signs[word] = mix(5 * group + 1 + word);
  }

  std::uint64_t exchange;              // element e is in bucket e XOR exchange
  std::array<std::uint64_t, 4> signs;  // bit e: element e is negated

  template <class T>
  void apply_signs(const T* from, T* to) const noexcept {
    using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    constexpr int kSignBit = sizeof(T) * 8 - 1;
    for (std::size_t e = 0; e < kGroup; ++e) {
      const Bits negative = static_cast<Bits>(signs[e / 64] >> (e % 64)) & Bits{1};
      to[e] = std::bit_cast<T>(std::bit_cast<Bits>(from[e]) ^ (negative << kSignBit));
    }
  }
};

}  // namespace fvhooks::internal
