#pragma once
// Holds every row against what rounding, or the noise traces, can explain: its threshold and its status.
#include <string>
#include <vector>

#include "diff/noise.h"
#include "diff/pairs.h"
#include "fvhooks/diff.h"

namespace fvhooks::internal {

struct Judgement {
  std::string threshold_source;    // which thresholds were used, and why
  std::vector<std::string> notes;  // what the numbers could not have shown
};

// At least half of what is floating point on both sides is coarser in the port: it is meant so.
bool is_narrower_throughout(const Pairs& pairs);

// Sets the threshold of each row that is not settled, and its status. `noise` may be null.
Judgement judge_rows(Pairs& pairs, const DiffOptions& options, const NoiseFloors* noise);

}  // namespace fvhooks::internal
