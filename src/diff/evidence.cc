#include "diff/evidence.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/counted.h"
#include "diff/error.h"
#include "diff/evidence_bias.h"
#include "diff/threshold.h"

namespace fvhooks::internal {
namespace {

bool needs_judgement(const Row& row) { return row.is_pair() && !row.is_settled; }

// Thresholds of errors, record by record in the order of execution, and which of them were used.
class Thresholds {
 public:
  Thresholds(const DiffOptions& options, const NoiseFloors* noise, bool port_dtypes_count)
      : options_(options), noise_(noise), rounding_(options.assumed_dtype, port_dtypes_count) {}

  // Sees every row of the reference: each counts for those that follow.
  void judge(const RecordKey& key, Row& row, std::size_t index) {
    const auto bounds = rounding_.next(key, row, index);
    if (needs_judgement(row)) set_status(row, threshold(key, row, bounds));
    const bool is_wrong_integer = row.is_settled && row.status == Status::Diverged;
    if (is_wrong_integer) row.threshold = 0;
    wrong_integers_ += is_wrong_integer;
  }

  std::string source() const {
    std::string text;
    const auto append = [&](const std::string& clause) { text += (text.empty() ? "" : "; ") + clause; };
    if (asked_ != 0) append("relative error " + short_number(*options_.rtol) + " for every record, as asked");
    if (by_noise_ != 0) {
      append(short_number(noise_->factor()) + " times the largest error of " +
             counted(noise_->trace_count(), "noise trace") + ", for " + counted(by_noise_, "record") +
             (raised_ == 0 ? std::string()
                           : ", but no less than an operation may add (" + counted(raised_, "record") + ")"));
    }
    if (by_model() != 0) {
      append((noise_ ? "for " + counted(by_model(), "record") + ", where noise traces show none, " : std::string()) +
             model());
    }
    if (wrong_integers_ != 0) append("none for integers, which have no rounding");
    return text.empty() ? "none was needed: no pair that could be compared differs" : text;
  }

  std::size_t without_dtype() const { return rounding_.without_dtype(); }

 private:
  using Basis = RoundingModel::Basis;

  static void set_status(Row& row, double threshold) {
    row.threshold = static_cast<float>(threshold);
    row.status = row.error <= row.threshold ? Status::Within : Status::Diverged;
  }

  double threshold(const RecordKey& key, const Row& row, const RoundingModel::Bounds& bounds) {
    if (options_.rtol) {
      ++asked_;
      return *options_.rtol;
    }
    const double by_noise = noise_ ? noise_->threshold(row.reference, key) : Row::kNaN;
    if (!std::isnan(by_noise)) {
      ++by_noise_;
      raised_ += bounds.least > by_noise;
      return std::max(by_noise, bounds.least);
    }
    ++by_basis_[static_cast<std::size_t>(bounds.basis)];
    return bounds.most;
  }

  std::size_t count(Basis basis) const { return by_basis_[static_cast<std::size_t>(basis)]; }
  std::size_t by_model() const { return count(Basis::Depth) + count(Basis::Origin) + count(Basis::StepBefore); }

  std::string model() const {
    const auto gain = short_number(kMostGainByRounding);
    std::string text = "grown with depth from the coarsest dtype so far";
    if (count(Basis::Origin) != 0) {
      text += ", and at most " + gain + " times the error that a record was made from";
      if (count(Basis::Origin) != by_model()) text += " (" + counted(count(Basis::Origin), "record") + ")";
    }
    if (count(Basis::StepBefore) != 0) {
      text += ", or " + gain + " times the error of the step before for what the model was called with (" +
              counted(count(Basis::StepBefore), "record") + ")";
    }
    return text + ": a model of rounding, no measurement of this one";
  }

  const DiffOptions& options_;
  const NoiseFloors* noise_;
  RoundingModel rounding_;
  std::size_t asked_ = 0, by_noise_ = 0, raised_ = 0, wrong_integers_ = 0;
  std::array<std::size_t, 3> by_basis_{};
};

void judge_biases(Pairs& pairs, const NoiseFloors* noise) {
  BiasTest test;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (pairs.row(i).status == Status::Within) test.add(pairs.key(i), pairs.row(i));
  }
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    auto& row = pairs.row(i);
    if (row.status == Status::Within && test.is_biased(pairs.key(i), row, noise)) row.status = Status::Diverged;
  }
}

void note_what_could_not_be_seen(std::vector<std::string>& notes, const Pairs& pairs, std::size_t without_dtype,
                                 const DiffOptions& options) {
  std::size_t without_sketch = 0, non_finite = 0, uncertain = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto& row = pairs.row(i);
    if (!row.is_pair()) continue;
    without_sketch += !std::isnan(row.error) && !row.by_sketch();
    non_finite += row.has_non_finite;
    if (row.status != Status::Within && row.status != Status::Diverged) continue;
    const auto interval = error_interval(row.error, 1 << row.sketch_log2);
    uncertain += row.by_sketch() && interval.low <= row.threshold && row.threshold < interval.high;
  }
  if (without_sketch != 0) {
    notes.push_back(counted(without_sketch, "pair") +
                    " had no sketch on both sides and went by statistics, which cannot see values in another order"
                    " (a transpose, swapped heads, a shift)");
  }
  if (non_finite != 0) {
    notes.push_back(counted(non_finite, "pair") +
                    " with NaN or infinite elements on both sides: only the rest of their elements could be compared");
  }
  if (uncertain != 0) {
    notes.push_back(counted(uncertain, "error") + (uncertain == 1 ? " is" : " are") +
                    " as near to the threshold as a sketch of that size can tell");
  }
  if (without_dtype != 0 && !options.rtol) {
    notes.push_back(counted(without_dtype, "record") +
                    " did not say a dtype: " + std::string(torch_name(options.assumed_dtype)) +
                    " was assumed (FASTVIDEO_TRACE_STATS=…,dtype records it, --dtype sets it)");
  }
}

}  // namespace

bool is_narrower_throughout(const Pairs& pairs) {
  std::size_t coarser = 0, count = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto& row = pairs.row(i);
    if (row.reference_dtype == Row::kNoDType || row.port_dtype == Row::kNoDType) continue;
    const double reference = epsilon(static_cast<DType>(row.reference_dtype));
    const double port = epsilon(static_cast<DType>(row.port_dtype));
    if (reference == 0 || port == 0) continue;
    ++count;
    coarser += port > reference;
  }
  return 2 * coarser >= count && coarser != 0;
}

Judgement judge_rows(Pairs& pairs, const DiffOptions& options, const NoiseFloors* noise) {
  Thresholds thresholds(options, noise, is_narrower_throughout(pairs));
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    auto& row = pairs.row(i);
    if (row.reference == Row::kNone) continue;
    thresholds.judge(pairs.key(i), row, i);
  }
  // An explicit tolerance is one of errors, and leaves nothing to a test of ours.
  if (!options.rtol) judge_biases(pairs, noise);

  for (std::size_t i = 0; i < pairs.size(); ++i) {
    auto& row = pairs.row(i);
    if (row.is_reordered && !is_failure(row.status)) row.status = Status::Reordered;
  }
  Judgement judgement;
  judgement.threshold_source = thresholds.source();
  note_what_could_not_be_seen(judgement.notes, pairs, thresholds.without_dtype(), options);
  return judgement;
}

}  // namespace fvhooks::internal
