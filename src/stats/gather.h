#pragma once
// The stored elements of a strided tensor in logical row-major order, a tile at a time.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "fvhooks/tensor_view.h"
#include "stats/tile.h"

namespace fvhooks::internal {

struct Dimension {
  std::int64_t size, stride;
  bool operator==(const Dimension&) const = default;
};

// The same logical order in as few dimensions as possible: those of size 1 dropped, those that continue each other
// joined. Empty for one element.
std::vector<Dimension> coalesced(std::span<const std::int64_t> sizes, std::span<const std::int64_t> strides);

// Any number of threads may share a Gather, each with its own Scratch.
class Gather {
 public:
  class Scratch {
   public:
    alignas(64) std::array<std::byte, kTile * 16> tile;

   private:
    friend class Gather;
    // Elements [first_, end_) of a transposed tensor.
    std::unique_ptr<std::byte[]> band_;
    std::uint64_t first_ = 0, end_ = 0;
  };

  explicit Gather(const TensorView& tensor);

  // Elements [first, first + count), one after the other: in the tensor itself where they lie so, else in `scratch`.
  // count <= kTile, and first a multiple of kTile. The pointer is no better aligned than the tensor is.
  const std::byte* tile(std::uint64_t first, std::size_t count, Scratch& scratch) const;

 private:
  bool is_transposed() const;
  bool gather_band(std::uint64_t first, Scratch& scratch) const;
  const std::byte* address(std::uint64_t index) const;
  void gather_rows(std::uint64_t first, std::size_t count, std::byte* to) const;
  std::size_t gather_block(std::uint64_t first, std::size_t count, std::byte* to) const;

  const std::byte* data_;
  std::size_t item_size_;
  std::uint64_t count_;
  std::vector<Dimension> dimensions_;  // empty: contiguous
};

}  // namespace fvhooks::internal
