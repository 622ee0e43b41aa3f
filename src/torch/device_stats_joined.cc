// From the rows that a device computed to the statistics of the tensor (docs/statistics.md, Results).
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "stats/sketch.h"
#include "torch/device_stats_rows.h"

namespace fvhooks::internal {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class Numbers {
 public:
  Numbers(const std::int64_t* at, bool wide) : at_(at), wide_(wide) {}

  std::int64_t integer() { return *at_++; }
  double real() {
    const auto bits = *at_++;
    return wide_ ? std::bit_cast<double>(bits) : double{std::bit_cast<float>(static_cast<std::int32_t>(bits))};
  }
  // A number in two halves of 32 bits, each a sum.
  Int128 halves() {
    const Int128 high = integer();
    return (high << 32) + integer();
  }

 private:
  const std::int64_t* at_;
  bool wide_;
};

struct Joined {
  TensorStats stats;
  Int128 exact_magnitude = 0;
  double magnitude = 0, mean = 0, m2 = 0;
  SketchSums sketch{};

  void add_real_numbers(Numbers& row);
  void add_integers(Numbers& row);
  void add_spread(Numbers& row, std::uint64_t count);
  void add_sketch(Numbers& row) {
    for (double& sum : sketch) sum += row.real();
  }
  void finish_real_numbers();
  void finish_integers();
  void finish_spread();
};

void Joined::add_real_numbers(Numbers& row) {
  stats.nan += static_cast<std::uint64_t>(row.integer());
  stats.inf += static_cast<std::uint64_t>(row.integer());
  stats.zeros += static_cast<std::uint64_t>(row.integer());
  stats.min = std::min(stats.min, row.real());
  stats.max = std::max(stats.max, row.real());
  stats.sum += row.real();
  magnitude += row.real();
}

void Joined::add_integers(Numbers& row) {
  stats.zeros += static_cast<std::uint64_t>(row.integer());
  const Int128 low = row.integer(), high = row.integer();
  stats.exact_min = stats.count == 0 ? low : std::min(stats.exact_min, low);
  stats.exact_max = stats.count == 0 ? high : std::max(stats.exact_max, high);
  stats.exact_sum += row.halves();
  exact_magnitude += row.halves();
}

// Chan, Golub, LeVeque 1979.
void Joined::add_spread(Numbers& row, std::uint64_t count) {
  const double piece_mean = row.real(), piece_m2 = row.real();
  const auto before = static_cast<double>(stats.count);
  stats.count += count;
  const double weight = static_cast<double>(count) / static_cast<double>(stats.count);
  const double delta = piece_mean - mean;
  m2 += piece_m2 + delta * delta * before * weight;
  mean += delta * weight;
}

void Joined::finish_real_numbers() {
  const auto n = static_cast<double>(stats.count);
  stats.mean = stats.sum / n;
  stats.abs_mean = magnitude / n;
  stats.abs_max = std::max(-stats.min, stats.max);
  if (stats.nan > 0) stats.min = stats.max = stats.abs_max = kNaN;
  // −0 is reported as 0.
  for (double* value : {&stats.sum, &stats.mean, &stats.min, &stats.max}) *value += 0.0;
}

void Joined::finish_integers() {
  const auto n = static_cast<double>(stats.count);
  stats.integral = true;
  stats.exact_abs_max = std::max(-stats.exact_min, stats.exact_max);
  stats.sum = static_cast<double>(stats.exact_sum);
  stats.mean = stats.sum / n;
  stats.abs_mean = static_cast<double>(exact_magnitude) / n;
  stats.min = static_cast<double>(stats.exact_min);
  stats.max = static_cast<double>(stats.exact_max);
  stats.abs_max = static_cast<double>(stats.exact_abs_max);
}

void Joined::finish_spread() {
  const auto n = static_cast<double>(stats.count);
  const bool too_large = stats.nan == 0 && stats.inf == 0 && !std::isfinite(m2);
  stats.std = stats.count == 1 ? kNaN : too_large ? kInfinity : std::sqrt(m2 / (n - 1));
  stats.rms = too_large ? kInfinity : std::sqrt(m2 / n + mean * mean);
}

}  // namespace

TensorStats joined(const StatsRows& rows, const std::int64_t* numbers, int buckets, Sketch& sketch) {
  Joined whole;
  whole.stats.min = kInfinity;
  whole.stats.max = -kInfinity;
  const bool integral = is_integral(rows.dtype);
  for (const auto count : rows.counts) {
    Numbers row(numbers, rows.wide);
    integral ? whole.add_integers(row) : whole.add_real_numbers(row);
    whole.add_spread(row, static_cast<std::uint64_t>(count));
    if (rows.sketch) whole.add_sketch(row);
    numbers += rows.numbers.size(1);
  }
  integral ? whole.finish_integers() : whole.finish_real_numbers();
  whole.finish_spread();
  if (buckets > 0) store_sketch(whole.sketch, buckets, sketch);
  return whole.stats;
}

}  // namespace fvhooks::internal
