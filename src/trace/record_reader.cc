#include "trace/record_reader.h"

#include <utility>

namespace fvhooks::internal {
namespace {

constexpr std::size_t kProblemsKept = 100;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r") == std::string_view::npos; }

std::string_view without_mark(const LineReader::Line& line) {
  auto text = line.text;
  if (line.offset == 0 && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

}  // namespace

RecordReader::RecordReader(std::unique_ptr<ByteSource> source, std::string file, std::size_t max_line)
    : lines_(std::move(source), max_line), file_(std::move(file)), max_line_(max_line) {}

template <class Parsed>
bool RecordReader::read(const LineReader::Line& line, Parsed& record) {
  if (line.too_long) {
    note("longer than " + std::to_string(max_line_) + " bytes");
    return false;
  }
  const auto text = without_mark(line);
  if (is_blank(text)) return false;
  offset_ = line.offset;
  const bool is_record = parser_.parse(text, record, problem_);
  if (!is_record && !line.complete) {
    note("the file ends within this line");
  } else if (!problem_.empty()) {
    note(problem_);
  }
  return is_record;
}

template bool RecordReader::read(const LineReader::Line& line, Record& record);
template bool RecordReader::read(const LineReader::Line& line, RecordHead& head);

bool RecordReader::at(std::uint64_t offset, Record& record) {
  const auto line = lines_.at(offset);
  return line && !line->too_long && parser_.parse(without_mark(*line), record, problem_);
}

void RecordReader::note(std::string message) {
  if (++problem_count_ <= kProblemsKept) problems_.push_back({line_, std::move(message), file_});
}

void RecordReader::note_end() {
  auto error = source().error();
  if (error.empty() || std::exchange(has_ended_, true)) return;
  ++line_;
  note("cannot read on: " + error);
}

}  // namespace fvhooks::internal
