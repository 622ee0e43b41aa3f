#pragma once
// How the error goes with depth, and with steps: points for a chart, whatever the size of the trace.
#include <cstddef>
#include <vector>

#include "fvhooks/verdict.h"

namespace fvhooks::internal {

// A point a module, in the order in which the reference executes them first: the largest finite error of its outputs
// over all steps and calls, and the threshold there. More than `most_points`: each stands for neighbours, by the
// largest.
std::vector<CurvePoint> error_over_depth(const Comparisons& pairs, std::size_t most_points = 1000);

// The same, a point a step.
std::vector<CurvePoint> error_over_steps(const Comparisons& pairs, std::size_t most_points = 1000);

}  // namespace fvhooks::internal
