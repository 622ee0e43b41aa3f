#include "stats/scalar_oracle.h"

#include <array>
#include <cmath>
#include <cstring>

#include "stats/element.h"
#include "stats/sketch_hash.h"

namespace fvhooks::test {
namespace {

using internal::Census;
using internal::kGroup;
using internal::kLanes;
using internal::kSketchBuckets;
using internal::kTile;
using internal::mix;
using internal::Moments;
using internal::TileSums;

constexpr std::size_t kTreeRows = 8;
constexpr std::size_t kGroupsPerTile = kTile / kGroup;

template <class T>
using Elements = std::array<T, kTile>;  // missing ones are +0
using LaneSums = std::array<double, kLanes>;

double reduced(LaneSums lanes) {
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

template <class T>
double pair_sum(const Elements<T>& x) {
  LaneSums lanes{};
  for (std::size_t row = 0; row < kTile; row += 2 * kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += static_cast<double>(static_cast<T>(x[row + lane] + x[row + kLanes + lane]));
    }
  }
  return reduced(lanes);
}

template <class T, class Term>
double tree_sum(const Elements<T>& x, Term term) {
  LaneSums lanes{};
  for (std::size_t row = 0; row < kTile; row += kTreeRows * kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const auto a = [&](std::size_t i) { return term(x[row + i * kLanes + lane]); };
      const T tree = ((a(0) + a(1)) + (a(2) + a(3))) + ((a(4) + a(5)) + (a(6) + a(7)));
      lanes[lane] += static_cast<double>(tree);
    }
  }
  return reduced(lanes);
}

template <class T>
Moments moments(const Elements<T>& x, std::size_t count) {
  const auto m = static_cast<double>(count);
  Moments result;
  result.count = count;
  result.sum = pair_sum(x);
  result.magnitude = tree_sum(x, [](T value) { return std::abs(value); });

  const T provisional = static_cast<T>(result.sum / m);
  Elements<T> deviations{};
  for (std::size_t i = 0; i < count; ++i) deviations[i] = x[i] - provisional;
  const double first = tree_sum(deviations, [](T d) { return d; });
  const double second = tree_sum(deviations, [](T d) { return static_cast<T>(d * d); });
  result.mean = static_cast<double>(provisional) + first / m;
  const double m2 = second - first * first / m;
  result.m2 = m2 < 0 ? 0 : m2;
  return result;
}

template <class T>
Census census(const Elements<T>& x, std::size_t count) {
  Census result;
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = static_cast<double>(x[i]);
    result.nan += std::isnan(value);
    result.inf += std::isinf(value);
    result.zeros += value == 0;
    if (value < result.min) result.min = value;
    if (value > result.max) result.max = value;
  }
  return result;
}

std::size_t bucket_of(std::uint64_t group, std::size_t e) {
  const std::uint64_t h = mix(5 * group);
  return e ^ (h & 192) ^ (h >> (8 + 6 * (e / 64)) & 63);
}

bool is_negative(std::uint64_t group, std::size_t e) { return (mix(5 * group + 1 + e / 64) >> (e % 64) & 1) != 0; }

void add_wide_to_sketch(const Elements<double>& x, std::uint64_t tile, double* sums) {
  for (std::size_t pair = 0; pair < kGroupsPerTile; pair += 2) {
    std::array<double, kSketchBuckets> of_group[2];
    for (std::size_t odd = 0; odd < 2; ++odd) {
      const std::uint64_t group = tile * kGroupsPerTile + pair + odd;
      for (std::size_t e = 0; e < kGroup; ++e) {
        const double value = x[(pair + odd) * kGroup + e];
        of_group[odd][bucket_of(group, e)] = is_negative(group, e) ? -value : value;
      }
    }
    for (std::size_t bucket = 0; bucket < kSketchBuckets; ++bucket) {
      sums[bucket] += of_group[0][bucket] + of_group[1][bucket];
    }
  }
}

void add_narrow_to_sketch(const Elements<float>& x, double largest, std::uint64_t tile, double* sums) {
  if (largest == 0) return;
  int exponent;
  std::frexp(largest, &exponent);
  std::array<std::int32_t, kSketchBuckets> units{};
  for (std::size_t i = 0; i < kTile; ++i) {
    const std::uint64_t group = tile * kGroupsPerTile + i / kGroup;
    const double nearest = std::nearbyint(std::ldexp(static_cast<double>(x[i]), 29 - exponent));
    const auto value = static_cast<std::int32_t>(nearest);
    units[bucket_of(group, i % kGroup)] += is_negative(group, i % kGroup) ? -value : value;
  }
  for (std::size_t bucket = 0; bucket < kSketchBuckets; ++bucket) {
    sums[bucket] += std::ldexp(units[bucket], exponent - 29);
  }
}

TileSums wide_tile(const Elements<double>& x, std::size_t count, std::uint64_t tile, double* sketch) {
  if (sketch) {
    Elements<double> finite;
    for (std::size_t i = 0; i < kTile; ++i) finite[i] = std::isfinite(x[i]) ? x[i] : 0;
    add_wide_to_sketch(finite, tile, sketch);
  }
  return {census(x, count), moments(x, count)};
}

TileSums float_tile(const Elements<float>& x, std::size_t count, std::uint64_t tile, double* sketch) {
  const Census found = census(x, count);
  if (!found.all_finite() || !internal::is_narrow(found.abs_max())) {
    Elements<double> wide;
    for (std::size_t i = 0; i < kTile; ++i) wide[i] = static_cast<double>(x[i]);
    return wide_tile(wide, count, tile, sketch);
  }
  if (sketch) add_narrow_to_sketch(x, found.abs_max(), tile, sketch);
  return {found, moments(x, count)};
}

template <class Stored>
auto decoded(const std::byte* stored, std::size_t count) {
  Elements<decltype(internal::element(Stored{}))> x{};
  for (std::size_t i = 0; i < count; ++i) {
    Stored value;
    std::memcpy(&value, stored + i * sizeof(Stored), sizeof(Stored));
    x[i] = internal::element(value);
  }
  return x;
}

}  // namespace

TileSums scalar_tile(DType dtype, const std::byte* stored, std::size_t count, std::uint64_t tile, double* sketch) {
  switch (dtype) {
    case DType::Float32:
      return float_tile(decoded<float>(stored, count), count, tile, sketch);
    case DType::Float16:
      return float_tile(decoded<internal::Half>(stored, count), count, tile, sketch);
    case DType::BFloat16:
      return float_tile(decoded<internal::BrainFloat>(stored, count), count, tile, sketch);
    case DType::Float8E4M3FN:
      return float_tile(decoded<internal::Float8E4M3FN>(stored, count), count, tile, sketch);
    case DType::Float8E5M2:
      return float_tile(decoded<internal::Float8E5M2>(stored, count), count, tile, sketch);
    default:
      return wide_tile(decoded<double>(stored, count), count, tile, sketch);
  }
}

}  // namespace fvhooks::test
