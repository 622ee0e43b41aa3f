#pragma once
// The exact side of integer tensors.
#include <cstddef>
#include <cstdint>

#include "fvhooks/stats.h"

namespace fvhooks::internal {

struct IntegerSums {
  std::uint64_t zeros = 0;
  Int128 sum = 0, magnitude = 0;
  Int128 min = INT64_MAX, max = INT64_MIN;

  Int128 abs_max() const noexcept { return max > -min ? max : -min; }
};

void merge(IntegerSums& into, const IntegerSums& next) noexcept;

// Of std::int8_t … std::int64_t and std::uint8_t. count <= kTile.
template <class Integer>
IntegerSums integer_sums(const Integer* x, std::size_t count);

}  // namespace fvhooks::internal
