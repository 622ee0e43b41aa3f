#include "fvhooks/trace_reader.h"

#include <system_error>
#include <utility>

#include "trace/line_reader.h"
#include "trace/record_parser.h"

namespace fvhooks {
namespace {

constexpr std::size_t kProblemsKept = 100;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r") == std::string_view::npos; }

}  // namespace

struct TraceReader::State {
  explicit State(internal::LineReader reader, std::size_t longest) : lines(std::move(reader)), max_line(longest) {}

  internal::LineReader lines;
  std::size_t max_line;
  internal::RecordParser parser;
  std::uint64_t line = 0;
  bool ended = false;
  std::string problem;
  std::uint64_t problem_count = 0;
  std::vector<TraceProblem> problems;

  bool read(const internal::LineReader::Line& read, Record& record);
  void note(std::string message) {
    if (++problem_count <= kProblemsKept) problems.push_back({line, std::move(message)});
  }
};

bool TraceReader::State::read(const internal::LineReader::Line& read, Record& record) {
  if (read.too_long) {
    note("longer than " + std::to_string(max_line) + " bytes");
    return false;
  }
  auto text = read.text;
  if (line == 1 && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (is_blank(text)) return false;
  const bool is_record = parser.parse(text, record, problem);
  if (!is_record && !read.complete) {
    note("the file ends within this line");
  } else if (!problem.empty()) {
    note(problem);
  }
  return is_record;
}

Expected<TraceReader> TraceReader::open(const std::string& path, std::size_t max_line) {
  auto lines = internal::LineReader::open(path, max_line);
  if (!lines) return lines.error();
  return TraceReader(std::make_unique<State>(*std::move(lines), max_line));
}

TraceReader TraceReader::from_text(std::string text, std::size_t max_line) {
  return TraceReader(std::make_unique<State>(internal::LineReader::from_text(std::move(text), max_line), max_line));
}

TraceReader::TraceReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
TraceReader::TraceReader(TraceReader&&) noexcept = default;
TraceReader& TraceReader::operator=(TraceReader&&) noexcept = default;
TraceReader::~TraceReader() = default;

bool TraceReader::next(Record& record) {
  while (const auto line = state_->lines.next()) {
    ++state_->line;
    if (state_->read(*line, record)) return true;
  }
  if (const int error = state_->lines.error(); error != 0 && !std::exchange(state_->ended, true)) {
    ++state_->line;
    state_->note("cannot read on: " + std::generic_category().message(error));
  }
  return false;
}

std::uint64_t TraceReader::line() const noexcept { return state_->line; }
std::uint64_t TraceReader::bytes_read() const noexcept { return state_->lines.bytes_read(); }
std::optional<std::uint64_t> TraceReader::bytes_total() const noexcept { return state_->lines.bytes_total(); }
std::uint64_t TraceReader::problem_count() const noexcept { return state_->problem_count; }
const std::vector<TraceProblem>& TraceReader::problems() const noexcept { return state_->problems; }

}  // namespace fvhooks
