#include "report/subtree.h"

#include <map>
#include <set>
#include <string_view>

namespace fvhooks::internal {
namespace {

struct Tally {
  std::size_t all = 0, of_status = 0;
  bool has_children = false;
};

// "a.b.c" → "a", "a.b", "a.b.c"; the empty prefix, everything, comes first.
std::vector<std::string_view> prefixes(std::string_view module) {
  std::vector<std::string_view> found = {module.substr(0, 0)};
  for (auto dot = module.find('.'); dot != std::string_view::npos; dot = module.find('.', dot + 1)) {
    found.push_back(module.substr(0, dot));
  }
  if (!module.empty()) found.push_back(module);
  return found;
}

}  // namespace

std::vector<Subtree> subtrees(const Verdict& verdict, Status status) {
  const auto other_side = status == Status::Missing ? Status::Extra : Status::Missing;
  std::map<std::string_view, Tally> tallies;
  for (const auto& [key, record_status, error, threshold, by_sketch, dtype, detail, reference_line, port_line] :
       verdict.comparisons) {
    if (record_status == other_side) continue;
    for (const auto prefix : prefixes(key.module)) {
      auto& tally = tallies[prefix];
      ++tally.all;
      tally.of_status += record_status == status;
      tally.has_children |= prefix.size() != key.module.size();
    }
  }

  std::vector<Subtree> groups;
  std::map<std::string_view, std::size_t> partly_of_status;
  std::set<std::string_view> done;
  for (const auto& comparison : verdict.comparisons) {
    if (comparison.status != status) continue;
    const std::string_view module = comparison.key.module;
    std::string_view top = module;
    bool is_whole = false;
    for (const auto prefix : prefixes(module)) {
      const auto& tally = tallies.at(prefix);
      if (tally.all != tally.of_status) continue;
      top = prefix;
      is_whole = true;
      break;
    }
    if (is_whole) {
      const auto& tally = tallies.at(top);
      if (done.insert(top).second) groups.push_back({std::string(top), true, tally.has_children, tally.of_status});
      continue;
    }
    const auto [entry, is_new] = partly_of_status.try_emplace(module, groups.size());
    if (is_new) groups.push_back({std::string(module), false, false, 0});
    ++groups[entry->second].records;
  }
  return groups;
}

}  // namespace fvhooks::internal
