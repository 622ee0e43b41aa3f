#pragma once
// What the tests of this folder have in common.
#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "core/testing/captured_warnings.h"
#include "core/testing/child_process.h"
#include "core/testing/temporary_folder.h"
#include "fvhooks/trace_reader.h"

namespace fvhooks::testing {

inline Record named(const std::string& module, std::uint64_t seq = 0) {
  Record record;
  record.module = module;
  record.tensor = "out";
  record.seq = seq;
  return record;
}

inline std::string line_of(const Record& record) {
  std::string line;
  append_json(line, record);
  return line;
}

struct Trace {
  std::vector<Record> records;
  std::vector<TraceProblem> problems;
};

inline Trace read_all(TraceReader reader) {
  Trace trace;
  for (Record record; reader.next(record);) trace.records.push_back(record);
  trace.problems = reader.problems();
  return trace;
}
inline Trace read_file(const std::string& path) { return read_all(std::move(*TraceReader::open(path))); }
inline Trace read_text(std::string text) { return read_all(TraceReader::from_text(std::move(text))); }

}  // namespace fvhooks::testing
