#include "report/subtree.h"

#include <algorithm>
#include <functional>
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

// The records of each module, from which those of subtrees add up.
using ModuleTallies = std::map<std::string, Tally, std::less<>>;

ModuleTallies tallies_of_modules(const Verdict& verdict, Status status, const AbsentParts& absent) {
  const auto other_side = status == Status::Missing ? Status::Extra : Status::Missing;
  ModuleTallies modules;
  for (std::size_t i = 0; i < verdict.size(); ++i) {
    const auto found = verdict.row(i).status;
    if (found == other_side) continue;
    const auto key = verdict.key(i);
    if (absent.contain(key)) continue;
    auto& tally = modules[key.module];
    ++tally.all;
    tally.of_status += found == status;
  }
  return modules;
}

std::map<std::string_view, Tally> tallies_of_subtrees(const ModuleTallies& modules) {
  std::map<std::string_view, Tally> tallies;
  for (const auto& [module, of_module] : modules) {
    for (const auto prefix : prefixes(module)) {
      auto& tally = tallies[prefix];
      tally.all += of_module.all;
      tally.of_status += of_module.of_status;
      tally.has_children |= prefix.size() != module.size();
    }
  }
  return tallies;
}

}  // namespace

std::vector<Subtree> subtrees(const Verdict& verdict, Status status, const AbsentParts& absent) {
  if (verdict.count(status) == 0) return {};
  const auto modules = tallies_of_modules(verdict, status, absent);
  const auto tallies = tallies_of_subtrees(modules);
  std::vector<Subtree> groups;
  std::set<std::string, std::less<>> done;
  for (std::size_t i = 0; i < verdict.size(); ++i) {
    if (verdict.row(i).status != status) continue;
    const auto key = verdict.key(i);
    if (absent.contain(key)) continue;
    const auto& module = key.module;
    if (!done.insert(module).second) continue;
    const auto path = prefixes(module);
    const auto top = std::find_if(path.begin(), path.end(), [&](std::string_view prefix) {
      const auto& tally = tallies.at(prefix);
      return tally.all == tally.of_status;
    });
    if (top == path.end()) {
      groups.push_back({module, false, false, modules.at(module).of_status});
      continue;
    }
    const bool is_known = *top != module && !done.insert(std::string(*top)).second;
    const auto& tally = tallies.at(*top);
    if (!is_known) groups.push_back({std::string(*top), true, tally.has_children, tally.of_status});
  }
  return groups;
}

}  // namespace fvhooks::internal
