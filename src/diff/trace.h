#pragma once
// One side of a comparison: the records of a file, in the order in which they were made.
#include <functional>
#include <string>
#include <vector>

#include "fvhooks/expected.h"
#include "fvhooks/record.h"
#include "fvhooks/trace_reader.h"

namespace fvhooks::internal {

struct TracedRecord {
  Record record;
  std::uint64_t line = 0;  // in its file, from 1
};

struct Trace {
  std::vector<TracedRecord> records;  // each with a call number; sorted by (rank, seq)
  std::vector<std::string> notes;
  std::vector<TraceProblem> problems;
  std::uint64_t problem_count = 0;
};

// Keeps the last run of each rank, sorts by (rank, seq) and numbers calls where the records do not: FastVideo's own
// have neither seq nor call, and are in the order of their file.
Trace in_execution_order(std::vector<TracedRecord> in_file_order);

// `progress` gets the fraction of the file that is read; not called for a pipe.
Expected<Trace> read_trace(const std::string& path, const std::function<void(double)>& progress);

bool is_input(std::string_view tensor) noexcept;

}  // namespace fvhooks::internal
