#pragma once
// How far rounding alone may take two runs of one model apart: a model from dtype and depth (docs/diff.md).
#include <cstddef>
#include <optional>

#include "fvhooks/comparison.h"

namespace fvhooks::internal {

// Relative L2 error that one operation may add by itself, with values kept in a dtype of machine epsilon `epsilon`.
double own_rounding(double epsilon) noexcept;

// And what `depth` operations may leave behind.
double noise_bound(double epsilon, std::size_t depth) noexcept;

// Fed with the rows of the reference in order; remembers, for the rank at hand, the coarsest dtype so far and the
// depth: what is computed after a bfloat16 tensor carries its rounding, whatever its own dtype.
class RoundingModel {
 public:
  explicit RoundingModel(DType assumed) : assumed_(assumed) {}

  struct Bounds {
    double own = 0;          // own_rounding, for the coarsest dtype so far
    double accumulated = 0;  // noise_bound
  };

  // For this row; it counts for those that follow. A rank begins anew.
  Bounds next(const Row& row, std::optional<std::int64_t> rank);

  std::size_t without_dtype() const noexcept { return without_dtype_; }

 private:
  DType assumed_;
  std::optional<std::int64_t> rank_;
  double epsilon_ = 0;
  std::size_t depth_ = 0;
  std::size_t without_dtype_ = 0;
};

}  // namespace fvhooks::internal
