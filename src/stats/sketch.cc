#include "stats/sketch.h"

#include <bit>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <limits>

#include "stats/float_environment.h"

namespace fvhooks {
namespace {

constexpr float kOverflowed = std::numeric_limits<float>::max();

// Comparisons that choose, for the compiler to make vectors of. A NaN is not less.
float stored(double sum) {
  const auto value = static_cast<float>(sum);
  const float bounded = value < kOverflowed ? value : kOverflowed;
  return (bounded > -kOverflowed ? bounded : -kOverflowed) + 0.0f;  // −0 becomes +0
}

bool overflowed(float value) { return !(std::abs(value) < kOverflowed); }

// Adds the upper half to the lower until `to` numbers are left.
void halve(internal::SketchSums& sums, std::size_t from, std::size_t to) {
  for (std::size_t half = from / 2; half >= to; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) sums[i] += sums[i + half];
  }
}

Sketch stored(const internal::SketchSums& sums, int buckets) {
  Sketch sketch;
  sketch.buckets = buckets;
  for (std::size_t i = 0; i < static_cast<std::size_t>(buckets); ++i) sketch.values[i] = stored(sums[i]);
  return sketch;
}

[[gnu::noinline]] Sketch folded(const Sketch& from, int buckets) {
  internal::SketchSums sums{};
  for (std::size_t i = 0; i < static_cast<std::size_t>(from.buckets); ++i) {
    const float value = from.values[i];
    // What has overflowed stays so, whatever is added to it.
    sums[i] = overflowed(value) ? std::copysign(std::numeric_limits<double>::infinity(), value) : value;
  }
  halve(sums, static_cast<std::size_t>(from.buckets), static_cast<std::size_t>(buckets));
  return stored(sums, buckets);
}

// What to expect of the square of a stored number's rounding, which lies evenly within half a unit in the last place.
double expected_squared_rounding(float value) {
  constexpr std::uint32_t kExponent = 0x7F800000;
  const auto power = std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & kExponent);
  const double unit = static_cast<double>(power) * 0x1p-23;
  return unit * unit / 12;
}

[[gnu::noinline]] double estimated(const Sketch& a, const Sketch& b) {
  double difference = 0, reference = 0;
  for (int i = 0; i < a.buckets; ++i) {
    const float x = a.values[static_cast<std::size_t>(i)], y = b.values[static_cast<std::size_t>(i)];
    if (overflowed(x) || overflowed(y)) return std::numeric_limits<double>::quiet_NaN();
    const double d = static_cast<double>(x) - static_cast<double>(y);
    if (d != 0) difference += d * d - (expected_squared_rounding(x) + expected_squared_rounding(y));
    reference += static_cast<double>(x) * static_cast<double>(x);
  }
  if (difference == 0) return 0;
  return std::sqrt(difference) / std::sqrt(reference);
}

}  // namespace

Sketch internal::stored_sketch(SketchSums& sums, int buckets) {
  halve(sums, kSketchBuckets, static_cast<std::size_t>(buckets));
  return stored(sums, buckets);
}

Sketch fold(const Sketch& from, int buckets) {
  assert((buckets == 64 || buckets == 128 || buckets == 256) && buckets <= from.buckets);
  const internal::FloatEnvironment environment;
  return folded(from, buckets);
}

double relative_l2(const Sketch& a, const Sketch& b) {
  assert(a.buckets == b.buckets);
  const internal::FloatEnvironment environment;
  return estimated(a, b);
}

}  // namespace fvhooks
