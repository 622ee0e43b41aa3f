#pragma once
// Which module's own code first went wrong, as against those that pass a wrong value on.
#include <optional>
#include <vector>

#include "fvhooks/diff.h"

namespace fvhooks::internal {

// `comparisons` in the reference's execution order. Nothing if no values are known to differ.
std::optional<Introducer> find_introducer(const std::vector<Comparison>& comparisons);

}  // namespace fvhooks::internal
