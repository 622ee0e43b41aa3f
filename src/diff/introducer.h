#pragma once
// Which module's own code first went wrong, as against those that pass a wrong value on.
#include <optional>

#include "fvhooks/verdict.h"

namespace fvhooks::internal {

// Nothing if no values are known to differ.
std::optional<Introducer> find_introducer(const Comparisons& pairs);

// The row that shows it: the first wrong one, or an earlier one that leapt and stayed just within its threshold.
std::optional<std::size_t> first_evidence(const Comparisons& pairs);

}  // namespace fvhooks::internal
