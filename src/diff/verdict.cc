#include "diff/verdict.h"

#include <algorithm>

#include "diff/alignment.h"
#include "diff/error.h"
#include "diff/introducer.h"
#include "diff/threshold.h"

namespace fvhooks::internal {
namespace {

RecordKey key_of(const Record& record) {
  return {record.root, record.module, record.tensor, record.step, record.call.value_or(0), record.rank};
}

std::string dtype_name(const Record& record) {
  const auto* value = record.find("dtype");
  const auto* name = value ? std::get_if<std::string>(value) : nullptr;
  return name ? *name : std::string();
}

void compare_values(Comparison& comparison, const AlignedPair& pair, double threshold) {
  auto measured = measure(pair.reference->record, pair.port->record);
  comparison.error = measured.error;
  comparison.by_sketch = measured.by_sketch;
  comparison.detail = std::move(measured.detail);
  if (measured.settled) {
    comparison.status = *measured.settled;
    if (comparison.status == Status::Diverged) comparison.threshold = 0;
  } else {
    const bool is_within = measured.error && *measured.error <= threshold;
    comparison.status = is_within ? Status::Within : Status::Diverged;
    comparison.threshold = threshold;
  }
  if (pair.reordered && !is_failure(comparison.status)) comparison.status = Status::Reordered;
}

Comparison compare(const AlignedPair& pair, ThresholdModel& thresholds) {
  const auto& present = pair.reference ? *pair.reference : *pair.port;
  Comparison comparison;
  comparison.key = key_of(present.record);
  comparison.dtype = dtype_name(present.record);
  if (pair.reference) comparison.reference_line = pair.reference->line;
  if (pair.port) comparison.port_line = pair.port->line;
  if (!pair.reference) {
    comparison.status = Status::Extra;
    return comparison;
  }
  const double threshold = thresholds.next(pair.reference->record, pair.port ? &pair.port->record : nullptr);
  if (pair.port) {
    compare_values(comparison, pair, threshold);
  } else {
    comparison.status = Status::Missing;
  }
  return comparison;
}

bool is_paired(const Comparison& comparison) {
  return comparison.status != Status::Missing && comparison.status != Status::Extra;
}

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

bool are_both_non_finite(const AlignedPair& pair) {
  return pair.reference && pair.port && has_non_finite(pair.reference->record) && has_non_finite(pair.port->record);
}

void note_what_could_not_be_seen(Verdict& verdict, const Alignment& alignment, const ThresholdModel& thresholds,
                                 const DiffOptions& options) {
  const auto count_if = [&](const auto& predicate) {
    return static_cast<std::size_t>(std::count_if(verdict.comparisons.begin(), verdict.comparisons.end(), predicate));
  };
  const auto paired = count_if(is_paired);
  if (paired == 0) {
    verdict.notes.push_back("no record of the reference has a counterpart in the port: nothing was compared");
    return;
  }
  const auto without_sketch =
      count_if([](const Comparison& comparison) { return comparison.error.has_value() && !comparison.by_sketch; });
  if (without_sketch != 0) {
    verdict.notes.push_back(
        counted(without_sketch, "pair") +
        " had no sketch on both sides and went by statistics, which cannot see values in another order"
        " (a transpose, swapped heads, a shift)");
  }
  const auto non_finite =
      static_cast<std::size_t>(std::count_if(alignment.pairs.begin(), alignment.pairs.end(), are_both_non_finite));
  if (non_finite != 0) {
    verdict.notes.push_back(counted(non_finite, "pair") +
                            " with NaN or infinite elements on both sides: only the rest of"
                            " their elements could be compared");
  }
  if (thresholds.without_dtype() != 0 && !options.rtol) {
    verdict.notes.push_back(counted(thresholds.without_dtype(), "record") +
                            " did not say a dtype: " + std::string(torch_name(options.assumed_dtype)) +
                            " was assumed (FASTVIDEO_TRACE_STATS=…,dtype records it, --dtype sets it)");
  }
}

std::string threshold_source(const DiffOptions& options) {
  if (options.rtol) return "relative error " + short_number(*options.rtol) + " for every record, as asked";
  return "grown with depth from the coarsest dtype so far: a model of rounding, no measurement of this one";
}

}  // namespace

Verdict judge(const Trace& reference, const Trace& port, const DiffOptions& options) {
  Verdict verdict;
  verdict.threshold_source = threshold_source(options);
  verdict.reference_problems = reference.problems;
  verdict.reference_problem_count = reference.problem_count;
  verdict.port_problems = port.problems;
  verdict.port_problem_count = port.problem_count;
  for (const auto& note : reference.notes) verdict.notes.push_back("the reference " + note);
  for (const auto& note : port.notes) verdict.notes.push_back("the port " + note);

  auto alignment = align(reference, port);
  std::move(alignment.notes.begin(), alignment.notes.end(), std::back_inserter(verdict.notes));
  ThresholdModel thresholds(options);
  for (const auto& pair : alignment.pairs) {
    verdict.comparisons.push_back(compare(pair, thresholds));
    const auto status = verdict.comparisons.back().status;
    ++verdict.counts[static_cast<std::size_t>(status)];
    if (is_failure(status) && !verdict.first_diverged) verdict.first_diverged = verdict.comparisons.size() - 1;
  }
  verdict.introducer = find_introducer(verdict.comparisons);
  verdict.passed = !verdict.first_diverged && !verdict.comparisons.empty();
  note_what_could_not_be_seen(verdict, alignment, thresholds, options);
  return verdict;
}

}  // namespace fvhooks::internal
