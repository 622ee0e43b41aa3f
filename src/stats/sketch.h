#pragma once
// From the 256 sums of docs/sketch.md to what is stored.
#include <array>

#include "fvhooks/stats.h"
#include "stats/tile.h"

namespace fvhooks::internal {

using SketchSums = std::array<double, kSketchBuckets>;

// Folds `sums` in place.
void store_sketch(SketchSums& sums, int buckets, Sketch& sketch);

}  // namespace fvhooks::internal
