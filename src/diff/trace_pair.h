#pragma once
// Both sides of a comparison, read at once: two runs of one model go in step, so that most records can be compared the
// moment they are read, and their lines need not be read again.
#include <vector>

#include "diff/trace.h"

namespace fvhooks::internal {

struct TracePair {
  Trace reference, port;
  std::vector<Row> in_step;  // by place in both, from the first on: as long as the records had the same keys
};

// As Trace::read. Sides of several files are read one by one, and nothing is in step.
Expected<TracePair> read_pair(const std::string& reference, const std::string& port,
                              const std::function<void(double)>& progress);

}  // namespace fvhooks::internal
