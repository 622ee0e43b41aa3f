#pragma once
// Why, as far as the numbers can tell: silent rather than wrong (docs/diff.md).
#include <vector>

#include "diff/pairs.h"
#include "fvhooks/verdict.h"

namespace fvhooks::internal {

// Of the row that shows the fault (first_evidence); the likeliest first.
std::vector<Finding> diagnose(const Pairs& pairs, std::size_t evidence);

}  // namespace fvhooks::internal
