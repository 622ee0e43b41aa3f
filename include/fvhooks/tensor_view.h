#pragma once
// A tensor in host memory, as somebody else owns it.
#include <cstdint>
#include <span>

#include "fvhooks/dtype.h"

namespace fvhooks {

// Non-owning: data, sizes and strides must outlive the view. Strides count elements, may be zero (expanded) or
// negative. A 0-dim tensor has empty sizes and one element. data may be null only if there are no elements.
struct TensorView {
  const void* data = nullptr;
  DType dtype = DType::Float32;
  std::span<const std::int64_t> sizes;
  std::span<const std::int64_t> strides;
  bool conjugate = false;  // complex: the logical element is the conjugate of what is stored
  bool negative = false;   // the logical element is the negative of what is stored

  // Elements; 1 for a 0-dim tensor.
  std::int64_t numel() const noexcept {
    std::int64_t n = 1;
    for (const auto size : sizes) n *= size;
    return n;
  }
};

}  // namespace fvhooks
