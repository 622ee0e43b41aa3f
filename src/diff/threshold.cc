#include "diff/threshold.h"

#include <algorithm>
#include <cmath>

#include "diff/error.h"
#include "diff/trace.h"

namespace fvhooks::internal {

// Two sources of noise in one operation: values are rounded to their dtype when stored, half an epsilon at most; and
// dot products of thousands of terms are added up in float32 in another order, eight of its epsilons for the widths in
// use. Errors of a transformer's layers neither add up (depth) nor walk at random (its square root): normalisation and
// the residual stream damp them, and a clean port follows the fourth root. Three times that is the margin.
double noise_bound(double epsilon, std::size_t depth) noexcept {
  constexpr double kMargin = 3, kAccumulation = 8, kFloat32Epsilon = 0x1p-23;
  const double storing = epsilon / 2;
  const double accumulating = kAccumulation * std::min(epsilon, kFloat32Epsilon);
  return kMargin * (storing + accumulating) * std::pow(1.0 + static_cast<double>(depth), 0.25);
}

double ThresholdModel::next(const Record& reference, const Record* port) {
  const auto dtype = recorded_dtype(reference);
  const auto port_dtype = port ? recorded_dtype(*port) : std::nullopt;
  const bool is_recorded = dtype || port_dtype;
  without_dtype_ += !is_recorded;

  auto& state = by_rank_[reference.rank];
  if (dtype) state.epsilon = std::max(state.epsilon, epsilon(*dtype));
  if (port_dtype) state.epsilon = std::max(state.epsilon, epsilon(*port_dtype));
  // Integers have an epsilon of 0; those that were not recorded exactly went through float32.
  const double least = epsilon(is_recorded ? DType::Float32 : assumed_);
  const double coarsest = is_recorded && state.epsilon != 0 ? state.epsilon : std::max(state.epsilon, least);
  const double bound = rtol_.value_or(noise_bound(coarsest, state.depth));
  state.depth += !is_input(reference.tensor);
  return bound;
}

}  // namespace fvhooks::internal
