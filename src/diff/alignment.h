#pragma once
// Which record of the port answers which of the reference.
#include <string>
#include <vector>

#include "diff/trace.h"
#include "fvhooks/comparison.h"

namespace fvhooks::internal {

struct Alignment {
  std::vector<Row> rows;  // in the reference's order, then the extras in the port's; Missing, Extra or to be measured
  std::vector<std::string> notes;
};

// Pairs on (rank, root, module, tensor, step, call). What one side did not trace at all by its settings (inputs, the
// root, ranks, the root's name) is left out or ignored, and noted.
//
// `in_step`: of the first records, each of the reference measured against the one of the port at the same place, so
// that those that turn out to be pairs need not be read again.
Alignment align(const Trace& reference, const Trace& port, std::vector<Row> in_step = {});

}  // namespace fvhooks::internal
