#include "diff/trace.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

namespace fvhooks::internal {
namespace {

// Of each rank, the run of its last line: reruns are appended, and the latest is the one meant.
std::map<std::optional<std::int64_t>, std::string> last_run_of_each_rank(const std::vector<TracedRecord>& records) {
  std::map<std::optional<std::int64_t>, std::string> last;
  for (const auto& [record, line] : records) last[record.rank] = record.run;
  return last;
}

void keep_last_runs(Trace& trace) {
  const auto last = last_run_of_each_rank(trace.records);
  const auto is_older = [&](const TracedRecord& traced) { return traced.record.run != last.at(traced.record.rank); };
  const auto left_out = std::erase_if(trace.records, is_older);
  if (left_out == 0) return;
  trace.notes.push_back("holds several runs: run " + trace.records.back().record.run +
                        ", the last, was compared, and " + std::to_string(left_out) +
                        " records of other runs were left out");
}

// A record without seq stays behind the line before it.
std::vector<std::uint64_t> sequence_numbers(const std::vector<TracedRecord>& records) {
  std::vector<std::uint64_t> numbers;
  numbers.reserve(records.size());
  for (const auto& [record, line] : records) {
    numbers.push_back(record.seq.value_or(numbers.empty() ? 0 : numbers.back()));
  }
  return numbers;
}

void sort_by_rank_and_seq(std::vector<TracedRecord>& records) {
  const auto seq = sequence_numbers(records);
  std::vector<std::size_t> order(records.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(records[a].record.rank, seq[a], a) < std::tie(records[b].record.rank, seq[b], b);
  });
  std::vector<TracedRecord> sorted;
  sorted.reserve(records.size());
  for (const auto index : order) sorted.push_back(std::move(records[index]));
  records = std::move(sorted);
}

void number_calls(Trace& trace) {
  using Key =
      std::tuple<std::optional<std::int64_t>, std::string, std::string, std::string, std::optional<std::int64_t>>;
  std::map<Key, std::uint64_t> seen;
  std::size_t numbered = 0;
  for (auto& [record, line] : trace.records) {
    if (record.call) continue;
    record.call = seen[{record.rank, record.root, record.module, record.tensor, record.step}]++;
    ++numbered;
  }
  if (numbered != 0) {
    trace.notes.push_back("has " + std::to_string(numbered) +
                          " records without call numbers: they were numbered in the order of the file");
  }
}

}  // namespace

Trace in_execution_order(std::vector<TracedRecord> in_file_order) {
  Trace trace;
  trace.records = std::move(in_file_order);
  keep_last_runs(trace);
  sort_by_rank_and_seq(trace.records);
  number_calls(trace);
  return trace;
}

Expected<Trace> read_trace(const std::string& path, const std::function<void(double)>& progress) {
  auto reader = TraceReader::open(path);
  if (!reader) return reader.error();

  constexpr std::size_t kRecordsBetweenReports = 1024;
  std::vector<TracedRecord> records;
  for (Record record; reader->next(record);) {
    records.push_back({record, reader->line()});
    const auto total = reader->bytes_total();
    if (progress && total.value_or(0) != 0 && records.size() % kRecordsBetweenReports == 0) {
      progress(static_cast<double>(reader->bytes_read()) / static_cast<double>(*total));
    }
  }
  if (records.empty()) {
    std::string message = path + " holds no record: it is not a trace, or nothing was traced";
    if (!reader->problems().empty()) {
      const auto& first = reader->problems().front();
      message += " (line " + std::to_string(first.line) + ": " + first.message + ")";
    }
    return Error{message};
  }
  auto trace = in_execution_order(std::move(records));
  trace.problems = reader->problems();
  trace.problem_count = reader->problem_count();
  return trace;
}

bool is_input(std::string_view tensor) noexcept {
  return tensor.starts_with("in") && (tensor.size() == 2 || tensor[2] == '[' || tensor[2] == '.');
}

}  // namespace fvhooks::internal
