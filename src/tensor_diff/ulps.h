#pragma once
// Differences in units of the last place.
#include <array>
#include <cstdint>
#include <vector>

#include "fvhooks/dtype.h"

namespace fvhooks::internal {

// The one of two dtypes that has fewer digits; an integral one has none to lose beside a floating point one.
DType narrower(DType a, DType b) noexcept;

class UlpHistogram {
 public:
  explicit UlpHistogram(DType dtype) noexcept;

  // Both finite.
  void add(double difference, double larger_magnitude) noexcept { ++counts_[bin(difference, larger_magnitude)]; }
  // Takes pairs out again that were added as equal.
  void remove_equal(std::uint64_t pairs) noexcept { counts_[0] -= pairs; }
  std::vector<std::uint64_t> counts() const;  // up to the last that is not 0

 private:
  static constexpr int kBins = 72;  // the last holds all beyond 2^69
  std::size_t bin(double difference, double larger_magnitude) const noexcept;

  int least_exponent_, digits_;
  bool is_integral_;
  std::array<std::uint64_t, kBins> counts_{};
};

}  // namespace fvhooks::internal
