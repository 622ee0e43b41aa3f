#pragma once
// Tiles of a tensor of any dtype as numbers to reckon with.
#include <array>
#include <cstdint>
#include <vector>

#include "fvhooks/tensor_view.h"
#include "stats/gather.h"

namespace fvhooks::internal {

using NumberTile = std::array<double, kTile>;
using IntegerTile = std::array<std::int64_t, kTile>;

// A tensor of real numbers; of a complex one, with a last axis of real and imaginary parts.
class RealTensor {
 public:
  explicit RealTensor(const TensorView& tensor);
  RealTensor(const RealTensor&) = delete;
  RealTensor& operator=(const RealTensor&) = delete;

  DType dtype() const noexcept { return dtype_; }
  const std::vector<std::int64_t>& sizes() const noexcept { return sizes_; }

  // Elements [first, first + count), count <= kTile.
  void numbers(std::uint64_t first, std::size_t count, NumberTile& numbers);
  void integers(std::uint64_t first, std::size_t count, IntegerTile& integers);  // precondition: an integral dtype

 private:
  DType dtype_;
  std::vector<std::int64_t> sizes_, strides_;
  Gather gather_;
  Gather::Scratch scratch_;
};

}  // namespace fvhooks::internal
