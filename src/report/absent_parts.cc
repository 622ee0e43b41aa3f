#include "report/absent_parts.h"

#include <map>
#include <string>

namespace fvhooks::internal {
namespace {

struct Tally {
  std::size_t all = 0, of_status = 0;
  std::set<std::string> modules;
};

// By rank, by step or by call.
template <typename Part>
class Tallies {
 public:
  void add(const Part& part, bool is_of_status, const std::string& module) {
    auto& tally = tallies_[part];
    ++tally.all;
    tally.of_status += is_of_status;
    tally.modules.insert(module);
    modules_.insert(module);
  }

  // Which are of the status in all records, and how many records these are; nothing if all parts are.
  std::size_t take_absent(std::set<Part>& parts) const {
    std::size_t records = 0;
    for (const auto& [part, tally] : tallies_) {
      if (tally.all != tally.of_status || 2 * tally.modules.size() <= modules_.size()) continue;
      parts.insert(part);
      records += tally.all;
    }
    if (parts.size() < tallies_.size()) return records;
    parts.clear();
    return 0;
  }

 private:
  std::map<Part, Tally> tallies_;
  std::set<std::string> modules_;
};

// Of the records that are not in what is known to be absent; `part_of` says which part a record belongs to.
template <typename PartOf>
auto tallies(const Verdict& verdict, Status status, const AbsentParts& known, PartOf part_of) {
  Tallies<std::decay_t<decltype(part_of(RecordKey()))>> tallies;
  const auto other_side = status == Status::Missing ? Status::Extra : Status::Missing;
  for (std::size_t i = 0; i < verdict.size(); ++i) {
    const auto found = verdict.row(i).status;
    if (found == other_side) continue;
    const auto key = verdict.key(i);
    if (!known.contain(key)) tallies.add(part_of(key), found == status, key.module);
  }
  return tallies;
}

}  // namespace

AbsentParts absent_parts(const Verdict& verdict, Status status) {
  AbsentParts absent;
  if (verdict.count(status) == 0) return absent;
  const auto tally_by = [&](auto part_of) { return tallies(verdict, status, absent, part_of); };
  absent.records_in_ranks = tally_by([](const RecordKey& key) { return key.rank; }).take_absent(absent.ranks);
  absent.records_in_steps = tally_by([](const RecordKey& key) { return key.step; }).take_absent(absent.steps);
  absent.records_in_calls = tally_by([](const RecordKey& key) { return key.call; }).take_absent(absent.calls);
  return absent;
}

}  // namespace fvhooks::internal
