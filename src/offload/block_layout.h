#pragma once
// Where the tensors of a block lie in its buffer: at the addresses that they ask for, in as few reads as will do.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fvhooks/disk_store.h"

namespace fvhooks::internal {

// Neighbours in one file, as far from one another in the buffer. Where they lie in pages as they do in the file, these
// pages of the buffer are theirs alone.
struct Extent {
  std::size_t file = 0;
  std::uint64_t offset = 0;  // in the file
  std::size_t bytes = 0;
  std::size_t to = 0;  // in the buffer
};

struct BlockLayout {
  std::vector<Extent> extents;
  std::vector<std::size_t> offsets;  // of each tensor in the buffer
  std::size_t bytes = 0;             // of the buffer
};

// Tensors that are neighbours in a file are one extent: a small gap is read along rather than read around.
BlockLayout lay_out(std::span<const StoredTensor> tensors);

}  // namespace fvhooks::internal
