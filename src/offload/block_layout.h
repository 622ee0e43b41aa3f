#pragma once
// Where the tensors of a block lie in its buffer: at the addresses that they ask for, in as few reads as will do.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fvhooks/disk_store.h"

namespace fvhooks::internal {

// Pages of one file. In the buffer they begin at a page where the tensors' places in the file do, else beside one.
struct Extent {
  std::size_t file = 0;
  std::uint64_t offset = 0;  // in the file, a page's begin
  std::size_t needed = 0;    // bytes up to the end of its last tensor
  std::size_t to = 0;        // in the buffer
};

struct BlockLayout {
  std::vector<Extent> extents;
  std::vector<std::size_t> offsets;  // of each tensor in the buffer
  std::size_t bytes = 0;             // of the buffer
};

// Tensors that are neighbours in a file are one extent: a small gap is read along rather than read around.
BlockLayout lay_out(std::span<const StoredTensor> tensors);

}  // namespace fvhooks::internal
