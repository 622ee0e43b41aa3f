#pragma once
// From two traces in memory to a verdict.
#include "diff/trace.h"
#include "fvhooks/diff.h"

namespace fvhooks::internal {

Verdict judge(const Trace& reference, const Trace& port, const DiffOptions& options);

}  // namespace fvhooks::internal
