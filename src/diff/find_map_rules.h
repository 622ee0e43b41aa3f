#pragma once
// Pairs of modules as rules of a map.
#include "diff/find_map_pairs.h"
#include "fvhooks/find_map.h"

namespace fvhooks::internal {

// Rules in the port's order, then what only the reference has; and the modules of which nothing could be told.
void append_rules(FoundMap& map, const ScoredSide& reference, const ScoredSide& port, const Pairing& pairing);

}  // namespace fvhooks::internal
