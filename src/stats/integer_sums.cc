#include "stats/integer_sums.h"

#include <algorithm>
#include <limits>
#include <type_traits>

namespace fvhooks::internal {

void merge(IntegerSums& into, const IntegerSums& next) noexcept {
  into.zeros += next.zeros;
  into.sum += next.sum;
  into.magnitude += next.magnitude;
  into.min = std::min(into.min, next.min);
  into.max = std::max(into.max, next.max);
}

template <class Integer>
IntegerSums integer_sums(const Integer* x, std::size_t count) {
  // A tile of 32-bit numbers sums to 42 bits.
  using Sum = std::conditional_t<sizeof(Integer) < 8, std::int64_t, Int128>;
  Sum sum = 0, magnitude = 0;
  Integer min = std::numeric_limits<Integer>::max(), max = std::numeric_limits<Integer>::min();
  std::uint64_t zeros = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Sum value = x[i];
    sum += value;
    magnitude += value < 0 ? -value : value;
    zeros += x[i] == 0 ? 1 : 0;
    min = std::min(min, x[i]);
    max = std::max(max, x[i]);
  }
  return {.zeros = zeros, .sum = sum, .magnitude = magnitude, .min = min, .max = max};
}

template IntegerSums integer_sums(const std::int8_t*, std::size_t);
template IntegerSums integer_sums(const std::int16_t*, std::size_t);
template IntegerSums integer_sums(const std::int32_t*, std::size_t);
template IntegerSums integer_sums(const std::int64_t*, std::size_t);
template IntegerSums integer_sums(const std::uint8_t*, std::size_t);

}  // namespace fvhooks::internal
