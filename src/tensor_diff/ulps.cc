#include "tensor_diff/ulps.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace fvhooks::internal {
namespace {

int least_exponent_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::Float64:
      return -1022;
    case DType::Float16:
      return -14;
    case DType::Float8E4M3FN:
      return -6;
    case DType::Float8E5M2:
      return -14;
    default:
      return -126;
  }
}

struct Parts {
  int exponent;          // 2^exponent <= value < 2^(exponent + 1)
  bool is_power_of_two;  // value == 2^exponent
};

// Of a positive number.
Parts parts_of(double value) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  constexpr std::uint64_t kFraction = (std::uint64_t{1} << 52) - 1;
  const auto biased = static_cast<int>(bits >> 52);
  if (biased != 0) return {biased - 1023, (bits & kFraction) == 0};
  return {static_cast<int>(std::bit_width(bits)) - 1075, std::has_single_bit(bits)};
}

}  // namespace

DType narrower(DType a, DType b) noexcept {
  if (is_integral(a) != is_integral(b)) return is_integral(a) ? b : a;
  return epsilon(b) > epsilon(a) ? b : a;
}

UlpHistogram::UlpHistogram(DType dtype) noexcept
    : least_exponent_(least_exponent_of(dtype)),
      digits_(is_integral(dtype) ? 0 : -parts_of(epsilon(dtype)).exponent),
      is_integral_(is_integral(dtype)) {}

std::size_t UlpHistogram::bin(double difference, double larger_magnitude) const noexcept {
  if (difference == 0) return 0;
  const auto [exponent, is_power] = parts_of(std::abs(difference));
  const int ulp = is_integral_ ? 0 : std::max(parts_of(larger_magnitude).exponent, least_exponent_) - digits_;
  const int log2_rounded_up = exponent + (is_power ? 0 : 1) - ulp;
  return static_cast<std::size_t>(std::clamp(log2_rounded_up, -1, kBins - 3) + 2);
}

std::vector<std::uint64_t> UlpHistogram::counts() const {
  std::vector<std::uint64_t> counts(counts_.begin(), counts_.end());
  while (!counts.empty() && counts.back() == 0) counts.pop_back();
  return counts;
}

}  // namespace fvhooks::internal
