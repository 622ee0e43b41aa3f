#include "stats/sketch.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <limits>

#include "stats/float_environment.h"

namespace fvhooks {
namespace {

constexpr float kOverflowed = std::numeric_limits<float>::max();

// On bits, for the compiler to make vectors of: as integers, magnitudes compare as numbers do, infinity behind the
// largest finite one and NaN behind infinity.
float stored(double sum) {
  constexpr std::int32_t kMagnitude = 0x7FFFFFFF, kInfinity = 0x7F800000, kLargest = kInfinity - 1;
  const auto bits = std::bit_cast<std::int32_t>(static_cast<float>(sum) + 0.0f);  // −0 becomes +0
  const std::int32_t magnitude = bits & kMagnitude;
  const std::int32_t sign = magnitude > kInfinity ? 0 : bits & ~kMagnitude;  // a NaN is stored as positive
  return std::bit_cast<float>(std::min(magnitude, kLargest) | sign);
}

bool overflowed(float value) { return !(std::abs(value) < kOverflowed); }

// Adds the upper half to the lower until `to` numbers are left.
void halve(internal::SketchSums& sums, std::size_t from, std::size_t to) {
  for (std::size_t half = from / 2; half >= to; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) sums[i] += sums[i + half];
  }
}

void store(const internal::SketchSums& sums, int buckets, Sketch& sketch) {
  sketch.buckets = buckets;
  for (std::size_t i = 0; i < static_cast<std::size_t>(buckets); ++i) sketch.values[i] = stored(sums[i]);
}

[[gnu::noinline]] Sketch folded(const Sketch& from, int buckets) {
  internal::SketchSums sums{};
  for (std::size_t i = 0; i < static_cast<std::size_t>(from.buckets); ++i) {
    const float value = from.values[i];
    // What has overflowed stays so, whatever is added to it.
    sums[i] = overflowed(value) ? std::copysign(std::numeric_limits<double>::infinity(), value) : value;
  }
  halve(sums, static_cast<std::size_t>(from.buckets), static_cast<std::size_t>(buckets));
  Sketch sketch;
  store(sums, buckets, sketch);
  return sketch;
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

void internal::store_sketch(SketchSums& sums, int buckets, Sketch& sketch) {
  halve(sums, kSketchBuckets, static_cast<std::size_t>(buckets));
  store(sums, buckets, sketch);
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
