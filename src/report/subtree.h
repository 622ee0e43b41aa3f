#pragma once
// Thousands of missing records in a few lines: "blocks.7.* (84 records)".
#include <cstddef>
#include <string>
#include <vector>

#include "fvhooks/verdict.h"
#include "report/absent_parts.h"

namespace fvhooks::internal {

struct Subtree {
  std::string module;         // root of the subtree; "" with whole: everything
  bool is_whole = false;      // every record of the side that has them is of this status
  bool has_children = false;  // modules below it are meant too
  std::size_t records = 0;
};

// Groups the records of `status` (Missing, Extra or Reordered) under the largest modules that are wholly of that
// status, in order of first appearance; what is left is grouped by module. Leaves out what lies in the `absent`
// moments.
std::vector<Subtree> subtrees(const Verdict& verdict, Status status, const AbsentParts& absent = {});

}  // namespace fvhooks::internal
