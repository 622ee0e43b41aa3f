#pragma once
// How far rounding alone may take two runs of one model apart: a model from dtype and depth (docs/diff.md).
#include <cstddef>
#include <cstdint>
#include <optional>

#include "diff/call_stack.h"
#include "fvhooks/comparison.h"

namespace fvhooks::internal {

// Relative L2 error that one operation may add by itself, with values kept in a dtype of machine epsilon `epsilon`.
double own_rounding(double epsilon) noexcept;

// And one that is computed in float32 and rounded once, of the same inputs bit for bit.
double rounding_of_a_store(double epsilon) noexcept;

// And what `depth` operations may leave behind.
double noise_bound(double epsilon, std::size_t depth) noexcept;

// Machine epsilon of a row's dtype, the coarser of the two where the port's counts; 0: an integer.
double row_epsilon(const Row& row, DType assumed, bool port_dtypes_count) noexcept;

// How far an error may exceed what it was made from, and what an operation adds by itself, by rounding alone.
inline constexpr double kMostGainByRounding = 3;

// Fed with the rows of the reference in order; remembers, for the rank at hand, the coarsest dtype so far and the
// depth: what is computed after a bfloat16 tensor carries its rounding, whatever its own dtype.
class RoundingModel {
 public:
  // `port_dtypes_count`: the port works in a coarser dtype throughout. Where it does so here and there, that is no
  // excuse.
  RoundingModel(DType assumed, bool port_dtypes_count) : assumed_(assumed), port_dtypes_count_(port_dtypes_count) {}

  enum class Basis : std::uint8_t { Depth, Origin, StepBefore };
  struct Bounds {
    double least = 0;            // what an operation may add in the dtypes at hand, with the margin
    double most = 0;             // what its inputs' errors and the depth allow
    Basis basis = Basis::Depth;  // what `most` rests on, besides depth
  };

  // For the row at `index`; it counts for those that follow. A rank begins anew.
  Bounds next(const RecordKey& key, const Row& row, std::size_t index);

  std::size_t without_dtype() const noexcept { return without_dtype_; }

 private:
  DType assumed_;
  bool port_dtypes_count_;
  CallStack calls_;
  std::optional<std::int64_t> rank_;
  double epsilon_ = 0;
  std::size_t depth_ = 0;
  std::size_t without_dtype_ = 0;
};

}  // namespace fvhooks::internal
