#pragma once
// Reads the files of a trace once, and keeps where each record lies.
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "diff/trace.h"

namespace fvhooks::internal {

class TraceIndexer {
 public:
  using OnProgress = std::function<void(const RecordReader&)>;

  // Goes on with another file. Records of files that are several and say no rank get `implied_rank`: each file is a
  // rank's.
  void open(RecordReader records, std::optional<std::int64_t> implied_rank);
  // The next record of that file; false at its end. `Parsed` is a Record or a RecordHead.
  template <class Parsed>
  bool next(Parsed& record, const OnProgress& on_progress) {
    constexpr std::size_t kRecordsBetweenReports = 1024;
    auto& records = trace_.files_.back();
    if (!records.next(record)) return false;
    add(head_of(record), records);
    if (entries_.size() % kRecordsBetweenReports == 0) on_progress(records);
    return true;
  }
  // All that are left of it, and the lines that are none.
  void close(const OnProgress& on_progress);

  // Keeps the last run of each rank, sorts by (rank, seq) and numbers calls where the records do not: FastVideo's own
  // have neither seq nor call, and are in the order of their file.
  Expected<Trace> finish(const std::string& path);

 private:
  struct Sequenced : Entry {
    std::uint64_t seq = 0;
  };

  void add(const RecordHead& head, const RecordReader& records);
  void keep_last_runs();
  void sort();
  void take_entries();
  void number_calls();

  Trace trace_;
  std::deque<Sequenced> entries_;
  std::map<std::optional<std::int64_t>, std::string> last_run_;  // of each rank
  std::optional<std::int64_t> implied_rank_;
  std::uint64_t last_seq_ = 0;
  bool has_implied_ranks_ = false;
};

}  // namespace fvhooks::internal
