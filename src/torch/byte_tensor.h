#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <cstddef>

namespace fvhooks::internal {

// Bytes on `device` that somebody else owns, for torch to copy from or to.
inline at::Tensor byte_view(const std::byte* memory, std::size_t bytes, c10::Device device) {
  return at::for_blob(const_cast<std::byte*>(memory), {static_cast<std::int64_t>(bytes)})
      .options(at::TensorOptions().dtype(at::kByte).device(device))
      .target_device(device)
      .make_tensor();
}

}  // namespace fvhooks::internal
