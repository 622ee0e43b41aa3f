#pragma once
// Where inside a tensor two runs part (docs/diff.md, Tensors).
#include <cstdint>
#include <optional>
#include <vector>

#include "fvhooks/expected.h"
#include "fvhooks/tensor_view.h"

namespace fvhooks {

// Errors of parts of a tensor: root mean square of the difference there, over that of the whole reference. Equal errors
// everywhere are the tensor's relative L2 in each part.
struct AxisErrors {
  std::int64_t size = 0;
  std::int64_t width = 1;  // indices that share a part; the last may have fewer
  std::vector<double> errors;

  std::int64_t worst() const noexcept;  // first index of the part with the largest error
};

// Over the two largest axes, summed over the others.
struct ErrorMap {
  std::size_t row_axis = 0, column_axis = 0;
  std::int64_t row_width = 1, column_width = 1;
  std::size_t rows = 0, columns = 0;
  std::vector<double> errors;  // row after row
};

struct ElementPair {
  std::vector<std::int64_t> index;
  double reference = 0, port = 0;
};

// All but the counts of what is not finite is of pairs that are finite on both sides.
struct TensorDiff {
  static constexpr std::int64_t kMostParts = 4096;                  // of an axis
  static constexpr std::int64_t kMostRows = 48, kMostColumns = 96;  // of the map

  DType reference_dtype = DType::Float32, port_dtype = DType::Float32;
  std::vector<std::int64_t> sizes;  // of complex tensors with a last axis of 2: real, imaginary
  std::uint64_t elements = 0;
  std::uint64_t differing = 0;              // numbers that are not equal; NaN equals NaN
  double relative_l2 = 0;                   // ‖port − reference‖ / ‖reference‖
  std::optional<double> cosine;             // none if a side is all zero
  double max_abs = 0;                       // of port − reference
  std::optional<ElementPair> worst;         // the first of that difference; none if there is no difference
  std::uint64_t non_finite_mismatches = 0;  // finite on one side only, or not finite in another way
  std::optional<ElementPair> first_non_finite;
  // |difference| in units of the last place of the larger magnitude, in the dtype with fewer digits: how many are 0,
  // up to 1/2, 1, 2, 4 and on. Ends with the last that is not 0.
  DType ulp_dtype = DType::Float32;
  std::vector<std::uint64_t> ulps;
  std::vector<AxisErrors> axes;
  std::optional<ErrorMap> map;  // none with fewer than two axes of more than one index
};

// Reads both tensors once, a tile at a time. Error: their shapes differ, or only one is complex.
Expected<TensorDiff> diff_tensors(const TensorView& reference, const TensorView& port);

}  // namespace fvhooks
