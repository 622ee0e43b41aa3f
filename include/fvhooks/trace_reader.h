#pragma once
// Reads traces, FastVideo's and ours, line by line. Trusts nothing.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fvhooks/expected.h"
#include "fvhooks/record.h"

namespace fvhooks {

// A line that could not be read, or only in part.
struct TraceProblem {
  std::uint64_t line = 0;  // from 1
  std::string message;
  std::string file;  // "" if it has no name
};

// One thread at a time. Memory: one line (at most max_line bytes; a longer one is a problem and is skipped).
class TraceReader {
 public:
  static constexpr std::size_t kMaxLine = std::size_t{64} << 20;

  // "-" is standard input. Files that zstd compressed are read as they are.
  static Expected<TraceReader> open(const std::string& path, std::size_t max_line = kMaxLine);
  static TraceReader from_text(std::string text, std::size_t max_line = kMaxLine);
  TraceReader(TraceReader&&) noexcept;
  TraceReader& operator=(TraceReader&&) noexcept;
  ~TraceReader();

  // The next record into `record`, whose memory is reused; false at the end. Blank lines are passed over, lines that
  // are not records become problems.
  bool next(Record& record);
  std::uint64_t line() const noexcept;                        // of the record last read
  std::uint64_t bytes_read() const noexcept;                  // of the file as it lies on disk
  std::optional<std::uint64_t> bytes_total() const noexcept;  // nullopt for a pipe

  // How many lines were not read, and the first 100 of them. An I/O error is one too.
  std::uint64_t problem_count() const noexcept;
  const std::vector<TraceProblem>& problems() const noexcept;

 private:
  struct State;
  explicit TraceReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The files that `path` stands for: itself; the *.jsonl and *.jsonl.zst of a folder; what a shell pattern matches; the
// ranks from 0 where it holds "<rank>". In order of name, numbers by value. Error: there is none.
Expected<std::vector<std::string>> trace_files(const std::string& path);

}  // namespace fvhooks
