#pragma once
// What is computed of one tile (docs/statistics.md, docs/sketch.md): the plain face of a SIMD kernel. tile.cc chooses
// at run time among what tile-inl.h was compiled to; scalar_oracle.cc is the same in plain C++ and must give the same
// bits.
#include <cstddef>
#include <cstdint>
#include <limits>

#include "fvhooks/dtype.h"

namespace fvhooks::internal {

inline constexpr std::size_t kLanes = 16;
inline constexpr std::size_t kTile = 1024;
inline constexpr std::size_t kTilesPerChunk = 64;
inline constexpr std::size_t kChunk = kTile * kTilesPerChunk;
inline constexpr std::size_t kSketchBuckets = 256;

// What is counted and compared, hence free of rounding and of order. min and max mean nothing beside a NaN.
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

struct TileSums {
  Census census;
  Moments moments;
};

// Whether float32 elements of this largest magnitude, all finite, are computed in float32. The limits keep squares
// clear of overflow and underflow.
constexpr bool is_narrow(double largest) noexcept { return largest == 0 || (largest >= 0x1p-30 && largest < 0x1p60); }

// Tile number `tile`, stored as `dtype` (a real floating point type) one after the other, at any address. Its sketch is
// added to the 256 `sketch` sums, unless they are null. 1 <= count <= kTile.
TileSums add_tile(DType dtype, const std::byte* stored, std::size_t count, std::uint64_t tile, double* sketch);

// Highway's SIMD targets that this build and this machine have, for tests to force each.
std::int64_t tile_targets();

}  // namespace fvhooks::internal
