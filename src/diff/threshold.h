#pragma once
// How far rounding alone may take two runs of one model apart: a model from dtype and depth (docs/diff.md).
#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "fvhooks/diff.h"
#include "fvhooks/record.h"

namespace fvhooks::internal {

// Relative L2 error that `depth` operations may leave behind with values kept in a dtype of machine epsilon `epsilon`.
double noise_bound(double epsilon, std::size_t depth) noexcept;

// Fed with the reference's records in order; remembers, for each rank, the coarsest dtype so far and the depth: what is
// computed after a bfloat16 tensor carries its rounding, whatever its own dtype.
class ThresholdModel {
 public:
  explicit ThresholdModel(const DiffOptions& options) : rtol_(options.rtol), assumed_(options.assumed_dtype) {}

  // Of this pair; port may be null. Counts the pair in for those that follow.
  double next(const Record& reference, const Record* port);

  std::size_t without_dtype() const noexcept { return without_dtype_; }

 private:
  struct State {
    double epsilon = 0;
    std::size_t depth = 0;
  };
  std::optional<double> rtol_;
  DType assumed_;
  std::map<std::optional<std::int64_t>, State> by_rank_;
  std::size_t without_dtype_ = 0;
};

}  // namespace fvhooks::internal
