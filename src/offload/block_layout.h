#pragma once
// Where the tensors of a block lie in its buffer, so that pages of the files can be read straight into it.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fvhooks/disk_store.h"

namespace fvhooks::internal {

// Whole pages of one file, at a page of the buffer.
struct Extent {
  std::size_t file = 0;
  std::uint64_t offset = 0;  // in the file, a page's begin
  std::size_t needed = 0;    // bytes up to the end of its last tensor
  std::size_t to = 0;        // in the buffer, a page's begin
};

// A tensor whose place in the file is not the alignment that it needs is moved once it is in memory.
struct Move {
  std::size_t from = 0, to = 0, bytes = 0;
};

struct BlockLayout {
  std::vector<Extent> extents;
  std::vector<Move> moves;
  std::vector<std::size_t> offsets;  // of each tensor in the buffer
  std::size_t bytes = 0;             // of the buffer
};

// Tensors that are neighbours in a file are one extent: a small gap is read along rather than read around.
BlockLayout lay_out(std::span<const StoredTensor> tensors);

}  // namespace fvhooks::internal
