#pragma once
// What one side did not run or trace at all, in a line: "step 1 missing in the port (3500 records)".
#include <cstdint>
#include <optional>
#include <set>

#include "fvhooks/verdict.h"

namespace fvhooks::internal {

struct AbsentParts {
  std::set<std::optional<std::int64_t>> ranks, steps;  // steps: of the other ranks
  std::set<std::uint64_t> calls;                       // of the other steps
  std::size_t records_in_ranks = 0, records_in_steps = 0, records_in_calls = 0;

  bool contain(const RecordKey& key) const {
    return ranks.contains(key.rank) || steps.contains(key.step) || calls.contains(key.call);
  }
};

// Ranks, steps and calls of which all records are of `status` (Missing or Extra) while those of others are not. Only if
// they take in most modules: of a few, their names say more.
AbsentParts absent_parts(const Verdict& verdict, Status status);

}  // namespace fvhooks::internal
