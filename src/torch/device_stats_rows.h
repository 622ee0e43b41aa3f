#pragma once
// The statistics of a tensor by operations of torch, on the device that holds it: no value comes to the host.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "fvhooks/dtype.h"
#include "fvhooks/stats.h"

namespace fvhooks::internal {

// One row of numbers for each piece of at most 2^22 elements, so that temporary memory is bounded.
struct StatsRows {
  at::Tensor numbers;                // int64 [pieces, columns], on the device; floats are in it by their bits
  std::vector<std::int64_t> counts;  // elements of each piece
  DType dtype = DType::Float32;
  bool wide = true;    // floats are float64, else float32
  bool sketch = true;  // the last 256 columns are the sketch's sums
};

// Whether the device computes in float64. Some say so only when asked to.
bool has_float64(c10::Device device);

// wide: in float64, else in float32. Precondition: the tensor has elements, and a dtype that is read.
StatsRows stats_rows(const at::Tensor& tensor, bool sketch, bool wide);

// `numbers` is a copy of rows.numbers in host memory. buckets: 0, or rows.sketch and 64, 128 or 256.
TensorStats joined(const StatsRows& rows, const std::int64_t* numbers, int buckets, Sketch& sketch);

}  // namespace fvhooks::internal
