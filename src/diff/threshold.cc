#include "diff/threshold.h"

#include <algorithm>
#include <cmath>

namespace fvhooks::internal {

// Two sources of noise in one operation: values are rounded to their dtype when stored, half an epsilon at most; and
// dot products of thousands of terms are added up in float32 in another order, eight of its epsilons for the widths in
// use.
double own_rounding(double epsilon) noexcept {
  constexpr double kAccumulation = 8, kFloat32Epsilon = 0x1p-23;
  return epsilon / 2 + kAccumulation * std::min(epsilon, kFloat32Epsilon);
}

// Errors of a transformer's layers neither add up (depth) nor walk at random (its square root): normalisation and the
// residual stream damp them, and a clean port follows the fourth root. Three times that is the margin.
double noise_bound(double epsilon, std::size_t depth) noexcept {
  constexpr double kMargin = 3;
  return kMargin * own_rounding(epsilon) * std::pow(1.0 + static_cast<double>(depth), 0.25);
}

RoundingModel::Bounds RoundingModel::next(const Row& row, std::optional<std::int64_t> rank) {
  if (rank != rank_) {
    rank_ = rank;
    epsilon_ = 0;
    depth_ = 0;
  }
  bool is_recorded = false;
  for (const auto code : {row.reference_dtype, row.port_dtype}) {
    if (code == Row::kNoDType) continue;
    is_recorded = true;
    epsilon_ = std::max(epsilon_, epsilon(static_cast<DType>(code)));
  }
  without_dtype_ += !is_recorded;
  // Integers have an epsilon of 0; those that were not recorded exactly went through float32.
  const double least = epsilon(is_recorded ? DType::Float32 : assumed_);
  const double coarsest = is_recorded && epsilon_ != 0 ? epsilon_ : std::max(epsilon_, least);
  const Bounds bounds{own_rounding(coarsest), noise_bound(coarsest, depth_)};
  depth_ += !row.is_input;
  return bounds;
}

}  // namespace fvhooks::internal
