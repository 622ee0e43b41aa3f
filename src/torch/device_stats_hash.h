#pragma once
// Buckets and signs of docs/sketch.md, computed by the device that holds the tensor.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace fvhooks::internal {

inline constexpr std::int64_t kSketchGroup = 256;

// Row g is of group first + g; columns are its elements.
struct GroupHashes {
  at::Tensor buckets;  // int64, a permutation of 0…255 in each row
  at::Tensor signs;    // int8, 1 or -1
};

// Of groups first … first + groups − 1. Those of the first 2^22 elements are kept for each stream, in 36 MiB of the
// device's memory, of at most four streams.
GroupHashes group_hashes(std::int64_t first, std::int64_t groups, c10::Device device);

}  // namespace fvhooks::internal
