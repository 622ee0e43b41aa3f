#include "diff/verdict.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/counted.h"
#include "diff/alignment.h"
#include "diff/curves.h"
#include "diff/diagnosis.h"
#include "diff/error.h"
#include "diff/evidence.h"
#include "diff/injection.h"
#include "diff/introducer.h"

namespace fvhooks::internal {
namespace {

using Progress = std::function<void(double)>;

// The numbers of every pair, in the reference's order: both files are read forward, mostly.
void measure_rows(Pairs& pairs, const Progress& progress) {
  constexpr std::size_t kRowsBetweenReports = 1024;
  Record reference, port;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    auto& row = pairs.row(i);
    if (row.reference == Row::kNone || row.is_measured) continue;
    pairs.read_reference(i, reference);
    if (!pairs.read_port(i, port)) {
      row.reference_dtype = dtype_code(reference) & 0xF;  // the rounding of what is missing is in what comes after
      continue;
    }
    auto measured = measured_row(reference, port);
    measured.reference = row.reference;
    measured.port = row.port;
    measured.is_input = row.is_input;
    measured.is_reordered = row.is_reordered;
    row = measured;
    if (progress && i % kRowsBetweenReports == 0) progress(static_cast<double>(i) / static_cast<double>(pairs.size()));
  }
}

template <class Predicate>
std::size_t count_rows(const Pairs& pairs, const Predicate& predicate) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) count += predicate(pairs.row(i));
  return count;
}

// Each noise trace is paired with the reference as the port is.
NoiseFloors noise_floors(const SharedTrace& reference, const std::vector<SharedTrace>& noise,
                         std::vector<std::string>& notes) {
  NoiseFloors floors(reference->size());
  for (const auto& trace : noise) {
    auto alignment = align(*reference, *trace);
    Pairs pairs(reference, trace, std::move(alignment.rows));
    measure_rows(pairs, {});
    floors.add(pairs);
    const auto paired = count_rows(pairs, [](const Row& row) { return row.is_pair(); });
    for (const auto& note : trace->notes) notes.push_back("the noise trace " + trace->summary.path + " " + note);
    if (paired < reference->size()) {
      notes.push_back("the noise trace " + trace->summary.path + " has a counterpart of " + std::to_string(paired) +
                      " of the reference's " + counted(reference->size(), "record"));
    }
  }
  return floors;
}

void name_wrong_modules(Verdict& verdict, const Pairs& pairs) {
  auto wrong = find_wrong_modules(pairs);
  verdict.unjudged = std::move(wrong.unjudged);
  for (auto& [module, evidence] : wrong.modules) {
    for (auto& finding : diagnose(pairs, evidence)) verdict.diagnosis.push_back(std::move(finding));
    verdict.wrong.push_back(std::move(module));
  }
  if (verdict.wrong.empty()) return;
  verdict.introducer = verdict.wrong.front();
  verdict.first_evidence = wrong.modules.front().evidence;
}

// Status by status, as was asked; nothing compared is not a pass.
bool has_passed(const Verdict& verdict, const DiffOptions& options) {
  const auto uncompared =
      verdict.count(Status::Missing) + verdict.count(Status::Extra) + verdict.count(Status::Incomparable);
  const auto all = std::accumulate(verdict.counts.begin(), verdict.counts.end(), std::size_t{0});
  return all != uncompared &&
         std::ranges::all_of(options.fail_on, [&](Status status) { return verdict.count(status) == 0; });
}

}  // namespace

Verdict judge(const SharedTrace& reference, const SharedTrace& port, const DiffOptions& options,
              const std::vector<SharedTrace>& noise, const Progress& progress, std::vector<Row> in_step) {
  Verdict verdict;
  verdict.reference = reference->summary;
  verdict.port = port->summary;
  for (const auto& note : reference->notes) verdict.notes.push_back("the reference " + note);
  for (const auto& note : port->notes) verdict.notes.push_back("the port " + note);

  auto alignment = align(*reference, *port, std::move(in_step));
  std::move(alignment.notes.begin(), alignment.notes.end(), std::back_inserter(verdict.notes));
  const auto pairs = std::make_shared<Pairs>(reference, port, std::move(alignment.rows));
  measure_rows(*pairs, progress);
  if (!noise.empty()) pairs->noise = noise_floors(reference, noise, verdict.notes);
  verdict.is_injected = is_injected(*pairs);
  const auto judge_all = verdict.is_injected ? judge_injected_rows : judge_rows;
  auto judgement = judge_all(*pairs, options, pairs->noise ? &*pairs->noise : nullptr);
  verdict.threshold_source = std::move(judgement.threshold_source);
  for (std::size_t i = 0; i < pairs->size(); ++i) {
    const auto status = pairs->row(i).status;
    ++verdict.counts[static_cast<std::size_t>(status)];
    const bool fails = std::ranges::find(options.fail_on, status) != options.fail_on.end();
    if (fails && !verdict.first_diverged) verdict.first_diverged = i;
  }
  if (verdict.is_injected) {
    name_wrong_modules(verdict, *pairs);
  } else {
    verdict.introducer = find_introducer(*pairs);
    verdict.first_evidence = first_evidence(*pairs);
    if (verdict.first_evidence) verdict.diagnosis = diagnose(*pairs, *verdict.first_evidence);
  }
  verdict.error_over_depth = error_over_depth(*pairs);
  verdict.error_over_steps = error_over_steps(*pairs);
  verdict.passed = has_passed(verdict, options);
  if (count_rows(*pairs, [](const Row& row) { return row.is_pair(); }) == 0) {
    verdict.notes.push_back("no record of the reference has a counterpart in the port: nothing was compared");
  }
  std::move(judgement.notes.begin(), judgement.notes.end(), std::back_inserter(verdict.notes));
  verdict.comparisons = pairs;
  return verdict;
}

}  // namespace fvhooks::internal
