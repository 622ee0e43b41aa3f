#include "record_filter.h"

#include <algorithm>

#include "diff/error.h"
#include "glob.h"

namespace fvtrace {
namespace {

bool matches_one(const std::vector<std::string>& patterns, const std::string& name) {
  return patterns.empty() ||
         std::ranges::any_of(patterns, [&](const auto& pattern) { return glob_matches(pattern, name); });
}

}  // namespace

bool RecordFilter::passes(const fvhooks::Record& record) const {
  if (!matches_one(modules, record.module) || !matches_one(tensors, record.tensor)) return false;
  if (!steps.passes(record.step)) return false;
  if (call && record.call != call) return false;
  if (rank && record.rank != rank) return false;
  if (!run.empty() && record.run != run) return false;
  if (!root.empty() && record.root != root) return false;
  if (non_finite && !fvhooks::internal::has_non_finite(record)) return false;
  return !regex || regex->search(record.module).value();
}

}  // namespace fvtrace
