#include "fvhooks/tensor_report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "fvhooks/capture.h"
#include "report/captured_records.h"

namespace fvhooks {
namespace {

using internal::CapturedRecords;

bool is_of(const RecordKey& key, const Introducer& introducer) {
  return key.root == introducer.root && key.module == introducer.module && key.step == introducer.step &&
         key.call == introducer.call && key.rank == introducer.rank;
}

// How far beyond its threshold; what has no error but differs is furthest.
double excess(const Row& row) {
  if (std::isnan(row.error)) return is_wrong(row.status) ? std::numeric_limits<double>::infinity() : -1.0;
  if (row.error == 0) return 0;
  const double threshold = std::isnan(row.threshold) ? 0.0 : static_cast<double>(row.threshold);
  return static_cast<double>(row.error) / std::max(threshold, 1e-300);
}

// The records to look at, the likeliest to tell something first.
std::vector<std::size_t> telling_records(const Verdict& verdict, std::size_t most) {
  std::vector<std::size_t> by_excess, told;
  const auto tell = [&](std::size_t record) {
    if (told.size() < most && std::ranges::find(told, record) == told.end()) told.push_back(record);
  };
  for (std::size_t i = 0; i < verdict.size(); ++i) {
    const auto& row = verdict.row(i);
    if (!row.is_pair()) continue;
    by_excess.push_back(i);
    if (verdict.introducer && is_wrong(row.status) && is_of(verdict.key(i), *verdict.introducer)) tell(i);
  }
  if (verdict.first_diverged && verdict.row(*verdict.first_diverged).is_pair()) tell(*verdict.first_diverged);
  const auto shown = std::min(most, by_excess.size());
  std::ranges::partial_sort(
      by_excess, by_excess.begin() + static_cast<std::ptrdiff_t>(shown), std::greater(),
      [&](std::size_t i) { return std::pair(excess(verdict.row(i)), ~i); });  // of equals the first
  for (std::size_t i = 0; i < shown; ++i) tell(by_excess[i]);
  return told;
}

// A captured tensor, with the file that it lies in.
struct Opened {
  CapturedTensors file;
  TensorView tensor;
};

Expected<Opened> open(const CapturedRecords& captures, const RecordKey& key, std::string_view side) {
  const auto place = captures.find(key);
  if (!place) return Error{"not captured in the " + std::string(side)};
  auto file = CaptureDirectory::read(*place->capture);
  if (!file) return file.error();
  const auto* const tensor = file->find(place->label);
  if (!tensor) return Error{"not captured in the " + std::string(side)};
  const auto view = *tensor;
  return Opened{*std::move(file), view};
}

Expected<TensorDiff> diff_of(const CapturedRecords& reference, const CapturedRecords& port, const RecordKey& key) {
  const auto a = open(reference, key, "reference");
  if (!a) return a.error();
  const auto b = open(port, key, "port");
  if (!b) return b.error();
  return diff_tensors(a->tensor, b->tensor);
}

void add_notes(std::vector<std::string>& notes, const std::string& folder, const CaptureDirectory& directory) {
  for (const auto& note : directory.notes()) notes.push_back(folder + ": " + note);
}

}  // namespace

Expected<TensorReport> compare_tensors(const Verdict& verdict, const std::string& reference, const std::string& port,
                                       const NameMap* names, std::size_t most) {
  const auto reference_captures = CaptureDirectory::open(reference);
  if (!reference_captures) return reference_captures.error();
  const auto port_captures = CaptureDirectory::open(port);
  if (!port_captures) return port_captures.error();

  TensorReport report{reference, port, {}, {}};
  add_notes(report.notes, reference, *reference_captures);
  add_notes(report.notes, port, *port_captures);
  const auto ignored = internal::ignored_parts(*reference_captures, *port_captures);
  const CapturedRecords of_reference(*reference_captures, nullptr, ignored);
  const CapturedRecords of_port(*port_captures, names, ignored);
  for (const auto record : telling_records(verdict, most)) {
    TensorComparison comparison{verdict.key(record), std::nullopt, {}};
    if (auto diff = diff_of(of_reference, of_port, comparison.key)) {
      comparison.diff = *std::move(diff);
    } else {
      comparison.trouble = diff.error().message;
    }
    report.tensors.push_back(std::move(comparison));
  }
  return report;
}

}  // namespace fvhooks
