#include "fvhooks/trace_reader.h"

#include <utility>

#include "trace/record_reader.h"

namespace fvhooks {

struct TraceReader::State {
  internal::RecordReader records;
};

Expected<TraceReader> TraceReader::open(const std::string& path, std::size_t max_line) {
  auto source = internal::open_source(path);
  if (!source) return source.error();
  return TraceReader(std::make_unique<State>(internal::RecordReader(*std::move(source), path, max_line)));
}

TraceReader TraceReader::from_text(std::string text, std::size_t max_line) {
  auto source = internal::text_source(std::move(text));
  return TraceReader(std::make_unique<State>(internal::RecordReader(std::move(source), {}, max_line)));
}

TraceReader::TraceReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
TraceReader::TraceReader(TraceReader&&) noexcept = default;
TraceReader& TraceReader::operator=(TraceReader&&) noexcept = default;
TraceReader::~TraceReader() = default;

bool TraceReader::next(Record& record) { return state_->records.next(record); }
std::uint64_t TraceReader::line() const noexcept { return state_->records.line(); }
std::uint64_t TraceReader::bytes_read() const noexcept { return state_->records.source().consumed(); }
std::optional<std::uint64_t> TraceReader::bytes_total() const noexcept { return state_->records.source().total(); }
std::uint64_t TraceReader::problem_count() const noexcept { return state_->records.problem_count(); }
const std::vector<TraceProblem>& TraceReader::problems() const noexcept { return state_->records.problems(); }

}  // namespace fvhooks
