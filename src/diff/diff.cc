#include "fvhooks/diff.h"

#include <algorithm>
#include <array>
#include <utility>

#include "diff/trace_pair.h"
#include "diff/verdict.h"
#include "fvhooks/name_map.h"

namespace fvhooks {

std::string_view status_name(Status status) noexcept {
  constexpr std::array<std::string_view, kStatusCount> kNames = {
      "equal", "within", "diverged", "shape", "non-finite", "missing", "extra", "reordered", "incomparable"};
  return kNames[static_cast<std::size_t>(status)];
}

bool is_failure(Status status) noexcept {
  return status != Status::Equal && status != Status::Within && status != Status::Reordered;
}

bool is_wrong(Status status) noexcept {
  return status == Status::Diverged || status == Status::Shape || status == Status::NonFinite;
}

std::optional<Status> status_named(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kStatusCount; ++i) {
    if (status_name(static_cast<Status>(i)) == name) return static_cast<Status>(i);
  }
  return std::nullopt;
}

std::optional<double> Comparison::ratio() const noexcept {
  if (!error || !threshold || *threshold <= 0) return std::nullopt;
  return *error / *threshold;
}

namespace {

// What is read and then measured, in equal parts.
class Work {
 public:
  Work(std::size_t parts, const std::function<void(double)>& progress) : parts_(parts), progress_(progress) {}

  std::function<void(double)> next(std::size_t parts = 1) {
    const auto done = static_cast<double>(std::exchange(done_, done_ + parts));
    return [this, done, parts = static_cast<double>(parts)](double fraction) {
      if (progress_) progress_((done + parts * fraction) / static_cast<double>(parts_));
    };
  }

 private:
  std::size_t parts_, done_ = 0;
  const std::function<void(double)>& progress_;
};

}  // namespace

Expected<Verdict> diff_traces(const std::string& reference, const std::string& port, const DiffOptions& options) {
  std::vector<std::string> paths = {reference, port};
  paths.insert(paths.end(), options.noise.begin(), options.noise.end());
  if (std::count(paths.begin(), paths.end(), "-") > 1) {
    return Error{"only one of the traces can come from standard input"};
  }
  Work work(paths.size() + 1, options.progress);
  auto pair = internal::read_pair(reference, port, work.next(2));
  if (!pair) return pair.error();
  if (options.names) {
    pair->reference.leave_out_missing(*options.names);
    pair->port.rename(*options.names);
  }
  std::vector<internal::SharedTrace> noise;
  for (const auto& path : options.noise) {
    auto trace = internal::Trace::read(path, work.next());
    if (!trace) return trace.error();
    if (options.names) trace->leave_out_missing(*options.names);
    noise.push_back(std::make_shared<const internal::Trace>(*std::move(trace)));
  }
  auto verdict = internal::judge(std::make_shared<const internal::Trace>(std::move(pair->reference)),
                                 std::make_shared<const internal::Trace>(std::move(pair->port)), options, noise,
                                 work.next(), std::move(pair->in_step));
  if (options.names) {
    for (auto& warning : options.names->warnings()) verdict.notes.push_back(std::move(warning));
  }
  return verdict;
}

}  // namespace fvhooks
