#pragma once
// Which record of the port answers which of the reference.
#include <optional>
#include <string>
#include <vector>

#include "diff/trace.h"

namespace fvhooks::internal {

struct AlignedPair {
  const TracedRecord* reference = nullptr;  // null: extra in the port
  const TracedRecord* port = nullptr;       // null: missing there
  bool reordered = false;                   // executed out of the reference's order
};

struct Alignment {
  std::vector<AlignedPair> pairs;  // in the reference's order, then the extras in the port's
  std::vector<std::string> notes;
};

// Pairs on (rank, root, module, tensor, step, call). What one side did not trace at all by its settings (inputs, the
// root, ranks, the root's name) is left out or ignored, and noted. Points into both traces.
Alignment align(const Trace& reference, const Trace& port);

}  // namespace fvhooks::internal
