#pragma once
// From traces to a verdict.
#include <vector>

#include "diff/pairs.h"
#include "fvhooks/diff.h"

namespace fvhooks::internal {

// `noise`: traces of legitimate variations of the reference. What a verdict shows of a record it reads from the traces.
// `progress` gets the fraction of all pairs that is measured. `in_step`: what was measured before, as align takes it.
Verdict judge(const SharedTrace& reference, const SharedTrace& port, const DiffOptions& options,
              const std::vector<SharedTrace>& noise = {}, const std::function<void(double)>& progress = {},
              std::vector<Row> in_step = {});

}  // namespace fvhooks::internal
