#pragma once
// The records of a source, one behind the other or by their places, and the lines that are none.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fvhooks/trace_reader.h"
#include "trace/line_reader.h"
#include "trace/record_parser.h"

namespace fvhooks::internal {

class RecordReader {
 public:
  RecordReader(std::unique_ptr<ByteSource> source, std::string file, std::size_t max_line = TraceReader::kMaxLine);

  // The next record; false at the end. `Parsed` is a Record or a RecordHead.
  template <class Parsed>
  bool next(Parsed& record) {
    while (const auto line = lines_.next()) {
      ++line_;
      if (read(*line, record)) return true;
    }
    note_end();
    return false;
  }
  // The record of the line at `offset`, where there was one. Problems are not noted again.
  bool at(std::uint64_t offset, Record& record);

  std::uint64_t line() const noexcept { return line_; }      // from 1, of the record last read by next
  std::uint64_t offset() const noexcept { return offset_; }  // of its first byte
  const ByteSource& source() const noexcept { return lines_.source(); }
  std::uint64_t problem_count() const noexcept { return problem_count_; }
  const std::vector<TraceProblem>& problems() const noexcept { return problems_; }

 private:
  template <class Parsed>
  bool read(const LineReader::Line& line, Parsed& record);
  void note(std::string message);
  void note_end();

  LineReader lines_;
  std::string file_;
  std::size_t max_line_;
  RecordParser parser_;
  std::uint64_t line_ = 0, offset_ = 0;
  bool has_ended_ = false;
  std::string problem_;
  std::uint64_t problem_count_ = 0;
  std::vector<TraceProblem> problems_;
};

}  // namespace fvhooks::internal
