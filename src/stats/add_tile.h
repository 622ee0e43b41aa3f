#pragma once
// One tile of a tensor of any dtype, from its stored bytes into the state of a chunk.
#include <array>
#include <cstddef>
#include <cstdint>

#include "stats/gather.h"
#include "stats/integer_sums.h"
#include "stats/sketch.h"
#include "stats/tile.h"

namespace fvhooks::internal {

struct Chunk {
  Moments moments;
  Census census;         // of floats and complex moduli
  IntegerSums integers;  // of integers and bool
  // Elements of a complex tensor are two to the sketch, so that a chunk of them is two of the sketch's. Null: no
  // sketch.
  std::array<SketchSums*, 2> sketch{};
};

// A tensor, cut into tiles. `view` must outlive it.
class TileSource {
 public:
  explicit TileSource(const TensorView& view)
      : tensor(view), gather(view), count_(static_cast<std::uint64_t>(view.numel())) {}

  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t tiles() const noexcept { return (count_ + kTile - 1) / kTile; }
  std::uint64_t chunks() const noexcept { return (count_ + kChunk - 1) / kChunk; }
  std::size_t count(std::uint64_t tile) const noexcept {
    const std::uint64_t rest = count_ - tile * kTile;
    return rest < kTile ? static_cast<std::size_t>(rest) : kTile;
  }

  const TensorView& tensor;
  const Gather gather;

 private:
  std::uint64_t count_;
};

using AddTile = void (*)(const TileSource& source, std::uint64_t tile, Gather::Scratch& scratch, Chunk& chunk);
AddTile tile_adder(DType dtype);

}  // namespace fvhooks::internal
