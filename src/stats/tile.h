#pragma once
// What is computed of one tile (docs/statistics.md, docs/sketch.md). scalar_oracle.cc implements it in plain C++; a
// SIMD kernel has these same functions and must give the same bits.
#include <cstddef>
#include <cstdint>
#include <limits>

namespace fvhooks::internal {

inline constexpr std::size_t kLanes = 16;
inline constexpr std::size_t kTile = 1024;
inline constexpr std::size_t kTilesPerChunk = 64;
inline constexpr std::size_t kChunk = kTile * kTilesPerChunk;
inline constexpr std::size_t kSketchBuckets = 256;

// What is counted and compared, hence free of rounding and of order. min and max pass over NaNs.
struct Census {
  std::uint64_t nan = 0, inf = 0, zeros = 0;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();

  bool all_finite() const noexcept { return nan == 0 && inf == 0; }
  double abs_max() const noexcept { return max > -min ? max : -min; }
};

// What is summed. m2 is the sum of squared deviations from the mean.
struct Moments {
  std::uint64_t count = 0;
  double sum = 0, magnitude = 0, mean = 0, m2 = 0;
};

// Whether a tile of float32 elements is computed in float32. The limits keep squares clear of overflow and underflow.
inline bool is_narrow(const Census& census) noexcept {
  const double largest = census.abs_max();
  return census.all_finite() && (largest == 0 || (largest >= 0x1p-30 && largest < 0x1p60));
}

// `x` holds kTile elements, of which those from `count` on are missing, and +0. 1 <= count <= kTile. The arithmetic is
// that of the argument's type: moments(float) is for narrow tiles.
Census census(const float* x, std::size_t count);
Census census(const double* x, std::size_t count);
Moments moments(const float* x, std::size_t count);
Moments moments(const double* x, std::size_t count);

// Adds tile number `tile` to the chunk's 256 sums. Elements are finite, missing ones are +0.
void add_to_sketch(const float* x, std::uint64_t tile, double* sums);
void add_to_sketch(const double* x, std::uint64_t tile, double* sums);

}  // namespace fvhooks::internal
