#include "diff/threshold.h"

#include <algorithm>
#include <cmath>

namespace fvhooks::internal {

// Two sources of noise in one operation: values are rounded to their dtype when stored, half an epsilon at most; and
// dot products of thousands of terms are added up in float32 in another order, eight of its epsilons for the widths in
// use.
constexpr double kAccumulation = 8, kFloat32Epsilon = 0x1p-23;

double own_rounding(double epsilon) noexcept {
  return epsilon / 2 + kAccumulation * std::min(epsilon, kFloat32Epsilon);
}

// Of elements that differ by a relative δ before they are rounded, a fraction of δ/ε comes to lie on the other side of
// a midpoint, and differs by ε then.
double rounding_of_a_store(double epsilon) noexcept {
  return std::min(own_rounding(epsilon), std::sqrt(kAccumulation * kFloat32Epsilon * epsilon));
}

// Errors of a transformer's layers neither add up (depth) nor walk at random (its square root): normalisation and the
// residual stream damp them, and a clean port follows the fourth root. Three times that is the margin.
double noise_bound(double epsilon, std::size_t depth) noexcept {
  constexpr double kMargin = 3;
  return kMargin * own_rounding(epsilon) * std::pow(1.0 + static_cast<double>(depth), 0.25);
}

double row_epsilon(const Row& row, DType assumed, bool port_dtypes_count) noexcept {
  const bool in_reference = row.reference_dtype != Row::kNoDType, in_port = row.port_dtype != Row::kNoDType;
  if (!in_reference && !in_port) return epsilon(assumed);
  const double reference = in_reference ? epsilon(static_cast<DType>(row.reference_dtype)) : 0;
  const double port = in_port ? epsilon(static_cast<DType>(row.port_dtype)) : 0;
  if (!in_reference) return port;
  return port_dtypes_count ? std::max(reference, port) : reference;
}

RoundingModel::Bounds RoundingModel::next(const RecordKey& key, const Row& row, std::size_t index) {
  if (key.rank != rank_) {
    rank_ = key.rank;
    epsilon_ = 0;
    depth_ = 0;
  }
  without_dtype_ += row.reference_dtype == Row::kNoDType && row.port_dtype == Row::kNoDType;
  const double own_epsilon = row_epsilon(row, assumed_, port_dtypes_count_);
  epsilon_ = std::max(epsilon_, own_epsilon);
  const double coarsest = epsilon_ != 0 ? epsilon_ : epsilon(DType::Float32);  // integers through float32
  const double accumulated = noise_bound(coarsest, depth_);

  const auto origin = calls_.origin(key, row.is_input);
  double least_epsilon = coarsest;
  if (origin && own_epsilon != 0) {
    const bool is_narrowed = row.is_narrower && !port_dtypes_count_;
    least_epsilon = is_narrowed ? own_epsilon : std::max(own_epsilon, origin->epsilon);
  }
  Bounds bounds;
  bounds.least = kMostGainByRounding * own_rounding(least_epsilon);
  bounds.most = accumulated;
  if (!origin) {
    // Guidance and the sampler may enlarge what the step before has left, also where few modules show depth.
    bounds.most = std::clamp(kMostGainByRounding * calls_.error_of_step_before(key), accumulated,
                             kMostGainByRounding * accumulated);
    if (bounds.most > accumulated) bounds.basis = Basis::StepBefore;
  } else if (row.by_sketch()) {  // what statistics say of an error is no measure of what it was made from
    bounds.most = std::min(accumulated, std::max(kMostGainByRounding * origin->error, bounds.least));
    bounds.basis = Basis::Origin;
  }
  calls_.take(key, row, index, own_epsilon);
  depth_ += !row.is_input;
  return bounds;
}

}  // namespace fvhooks::internal
