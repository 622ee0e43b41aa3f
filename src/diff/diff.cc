#include "fvhooks/diff.h"

#include <array>

#include "diff/verdict.h"

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

Expected<Verdict> diff_traces(const std::string& reference, const std::string& port, const DiffOptions& options) {
  if (reference == "-" && port == "-") return Error{"only one of the two traces can come from standard input"};
  const auto report = [&](double offset) {
    return [&options, offset](double fraction) {
      if (options.progress) options.progress(offset + fraction / 2);
    };
  };
  auto first = internal::read_trace(reference, report(0));
  if (!first) return first.error();
  auto second = internal::read_trace(port, report(0.5));
  if (!second) return second.error();
  auto verdict = internal::judge(*first, *second, options);
  verdict.reference = reference;
  verdict.port = port;
  return verdict;
}

}  // namespace fvhooks
