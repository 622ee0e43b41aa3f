// docs/statistics.md and docs/sketch.md in plain C++: every kernel must give these bits.
#include <array>
#include <bit>
#include <cmath>
#include <type_traits>

#include "stats/sketch_hash.h"
#include "stats/tile.h"

namespace fvhooks::internal {
namespace {

constexpr std::size_t kTreeRows = 8;

using LaneSums = std::array<double, kLanes>;

double reduced(LaneSums lanes) {
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

template <class T>
double pair_sum(const T* x) {
  LaneSums lanes{};
  for (std::size_t row = 0; row < kTile; row += 2 * kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += static_cast<double>(static_cast<T>(x[row + lane] + x[row + kLanes + lane]));
    }
  }
  return reduced(lanes);
}

template <class T, class Term>
double tree_sum(const T* x, Term term) {
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
Moments moments_in(const T* x, std::size_t count) {
  const auto m = static_cast<double>(count);
  Moments result;
  result.count = count;
  result.sum = pair_sum(x);
  result.magnitude = tree_sum(x, [](T value) { return std::abs(value); });

  const T provisional = static_cast<T>(result.sum / m);
  alignas(64) std::array<T, kTile> deviations;
  for (std::size_t i = 0; i < kTile; ++i) deviations[i] = x[i] - provisional;
  for (std::size_t i = count; i < kTile; ++i) deviations[i] = 0;
  const double first = tree_sum(deviations.data(), [](T d) { return d; });
  const double second = tree_sum(deviations.data(), [](T d) { return static_cast<T>(d * d); });
  result.mean = static_cast<double>(provisional) + first / m;
  const double m2 = second - first * first / m;
  result.m2 = m2 < 0 ? 0 : m2;
  return result;
}

template <class T>
Census census_of(const T* x, std::size_t count) {
  // As wide as T, so that lanes of values and of counts line up.
  using Counter = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  constexpr T kLargest = std::numeric_limits<T>::max();
  std::array<Counter, kLanes> finite{}, zeros{};
  std::array<T, kLanes> min, max;
  min.fill(std::numeric_limits<T>::infinity());
  max.fill(-std::numeric_limits<T>::infinity());
  const auto take = [&](std::size_t i, std::size_t lane) {
    const T value = x[i];
    finite[lane] += std::abs(value) <= kLargest ? 1 : 0;
    zeros[lane] += value == 0 ? 1 : 0;
    min[lane] = value < min[lane] ? value : min[lane];
    max[lane] = value > max[lane] ? value : max[lane];
  };
  const std::size_t whole_rows = count / kLanes * kLanes;
  for (std::size_t row = 0; row < whole_rows; row += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) take(row + lane, lane);
  }
  for (std::size_t i = whole_rows; i < count; ++i) take(i, i - whole_rows);

  Census result;
  std::uint64_t finite_count = 0;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    finite_count += static_cast<std::uint64_t>(finite[lane]);
    result.zeros += static_cast<std::uint64_t>(zeros[lane]);
    if (static_cast<double>(min[lane]) < result.min) result.min = static_cast<double>(min[lane]);
    if (static_cast<double>(max[lane]) > result.max) result.max = static_cast<double>(max[lane]);
  }
  if (finite_count != count) {
    for (std::size_t i = 0; i < count; ++i) result.nan += std::isnan(x[i]) ? 1 : 0;
    result.inf = count - finite_count - result.nan;
  }
  return result;
}

constexpr std::size_t kGroupsPerTile = kTile / kGroup;

template <class T>
void add_to_sketch_in(const T* x, std::uint64_t tile, double* sums) {
  for (std::size_t pair = 0; pair < kGroupsPerTile; pair += 2) {
    const GroupHash even(tile * kGroupsPerTile + pair), odd(tile * kGroupsPerTile + pair + 1);
    alignas(64) std::array<T, kGroup> a, b;
    even.apply_signs(x + pair * kGroup, a.data());
    odd.apply_signs(x + (pair + 1) * kGroup, b.data());
    for (std::size_t bucket = 0; bucket < kSketchBuckets; ++bucket) {
      sums[bucket] += static_cast<double>(static_cast<T>(a[bucket ^ even.exchange] + b[bucket ^ odd.exchange]));
    }
  }
}

}  // namespace

Census census(const float* x, std::size_t count) { return census_of(x, count); }
Census census(const double* x, std::size_t count) { return census_of(x, count); }
Moments moments(const float* x, std::size_t count) { return moments_in(x, count); }
Moments moments(const double* x, std::size_t count) { return moments_in(x, count); }
void add_to_sketch(const float* x, std::uint64_t tile, double* sums) { add_to_sketch_in(x, tile, sums); }
void add_to_sketch(const double* x, std::uint64_t tile, double* sums) { add_to_sketch_in(x, tile, sums); }

}  // namespace fvhooks::internal
