#pragma once
// What the tests of this folder have in common.
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "core/testing/temporary_folder.h"
#include "fvhooks/trace_reader.h"
#include "fvhooks/warning.h"

namespace fvhooks::testing {

class CapturedWarnings {
 public:
  CapturedWarnings() {
    before_ = set_warning_handler([this](std::string_view message) { messages_.emplace_back(message); });
  }
  ~CapturedWarnings() { set_warning_handler(before_); }
  CapturedWarnings(const CapturedWarnings&) = delete;
  CapturedWarnings& operator=(const CapturedWarnings&) = delete;
  const std::vector<std::string>& messages() const { return messages_; }

 private:
  WarningHandler before_;
  std::vector<std::string> messages_;  // handlers are called one at a time
};

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

// Runs `body` in a forked child that ends without destructors; its exit status, or 128 and the signal that ended it.
template <class Body>
int in_child(Body body) {
  const auto child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace fvhooks::testing
