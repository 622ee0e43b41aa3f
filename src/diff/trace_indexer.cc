#include "diff/trace_indexer.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "diff/entry_table.h"

namespace fvhooks::internal {
namespace {

constexpr std::uint64_t kLowCallMask = (std::uint64_t{1} << Entry::kLowCallBits) - 1;

}  // namespace

void TraceIndexer::add(const RecordHead& head, const RecordReader& records) {
  const auto rank = head.rank ? head.rank : implied_rank_;
  has_implied_ranks_ |= !head.rank && implied_rank_;
  const auto call = head.call.value_or(0);
  Sequenced entry;
  entry.offset = records.offset() & ((std::uint64_t{1} << 48) - 1);
  entry.file = static_cast<std::uint16_t>(trace_.files_.size() - 1);
  entry.name = trace_.names_.id({head.root, head.module, head.tensor});
  entry.moment = trace_.moments_.id({rank, head.step, head.run, call >> Entry::kLowCallBits});
  entry.low_call = head.call ? static_cast<std::uint32_t>(call & kLowCallMask) : Entry::kNoCall;
  entry.line = static_cast<std::uint32_t>(records.line());
  entry.seq = last_seq_ = head.seq.value_or(last_seq_);  // a record without seq stays behind the line before it
  if (entries_.empty() || entries_.back().moment != entry.moment) last_run_[rank] = head.run;
  entries_.push_back(entry);
}

void TraceIndexer::open(RecordReader records, std::optional<std::int64_t> implied_rank) {
  trace_.files_.push_back(std::move(records));
  implied_rank_ = implied_rank;
  last_seq_ = 0;
}

void TraceIndexer::close(const OnProgress& on_progress) {
  for (RecordHead head; next(head, on_progress);) continue;
  const auto& records = trace_.files_.back();
  auto& summary = trace_.summary;
  summary.problem_count += records.problem_count();
  summary.problems.insert(summary.problems.end(), records.problems().begin(), records.problems().end());
}

// Reruns are appended, and the latest is the one meant.
void TraceIndexer::keep_last_runs() {
  std::vector<bool> is_older(trace_.moments_.size());
  for (std::uint32_t id = 0; id < trace_.moments_.size(); ++id) {
    is_older[id] = trace_.moments_[id].run != last_run_.at(trace_.moments_[id].rank);
  }
  const auto last = trace_.moments_[entries_.back().moment].run;
  const auto left_out = std::erase_if(entries_, [&](const Entry& entry) { return is_older[entry.moment]; });
  if (left_out == 0) return;
  trace_.is_as_read = false;
  trace_.notes.push_back("holds several runs: run " + last + ", the last, was compared, and " +
                         std::to_string(left_out) + " records of other runs were left out");
}

void TraceIndexer::sort() {
  const auto order = [&](const Sequenced& entry) {
    return std::tuple(trace_.moments_[entry.moment].rank, entry.seq, std::uint64_t{entry.file},
                      std::uint64_t{entry.offset});
  };
  const auto comes_before = [&](const Sequenced& a, const Sequenced& b) { return order(a) < order(b); };
  if (!std::is_sorted(entries_.begin(), entries_.end(), comes_before)) {
    std::sort(entries_.begin(), entries_.end(), comes_before);
    trace_.is_as_read = false;
  }
}

// One by one: the memory of those that were taken serves those that come.
void TraceIndexer::take_entries() {
  while (!entries_.empty()) {
    trace_.entries_.push_back(entries_.front());
    entries_.pop_front();
  }
}

void TraceIndexer::number_calls() {
  auto& entries = trace_.entries_;
  const auto unnumbered = std::count_if(entries.begin(), entries.end(),
                                        [](const Entry& entry) { return entry.low_call == Entry::kNoCall; });
  if (unnumbered == 0) return;
  const auto key_of = [&](std::uint32_t index) { return EntryKey{entries[index].name, entries[index].moment, 0}; };
  EntryTable latest(entries.size(), key_of);
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    if (entries[i].low_call != Entry::kNoCall) continue;
    auto& before = latest.slot(key_of(i));
    entries[i].low_call = before == latest.kNone ? 0 : entries[before].low_call + 1;
    before = i;
  }
  trace_.notes.push_back("has " + std::to_string(unnumbered) +
                         " records without call numbers: they were numbered in the order of the file");
}

Expected<Trace> TraceIndexer::finish(const std::string& path) {
  trace_.summary.path = path;
  if (entries_.empty()) {
    std::string message = path + " holds no record: it is not a trace, or nothing was traced";
    if (!trace_.summary.problems.empty()) {
      const auto& first = trace_.summary.problems.front();
      message += " (line " + std::to_string(first.line) + ": " + first.message + ")";
    }
    return Error{message};
  }
  if (entries_.size() >= Entry::kNoCall) return Error{path + " holds more records than can be compared (2147483647)"};
  keep_last_runs();
  sort();
  take_entries();
  number_calls();
  if (has_implied_ranks_) {
    trace_.notes.push_back("is several files whose records say no rank: each file was taken for a rank");
  }
  trace_.summary.records = trace_.size();
  return std::move(trace_);
}

}  // namespace fvhooks::internal
