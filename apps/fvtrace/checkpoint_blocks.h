#pragma once
// The blocks of a model, by the names in its checkpoint alone.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fvhooks/checkpoint.h"
#include "fvhooks/disk_store.h"

namespace fvtrace {

// Lists in the order of their names, the blocks of a list by number: blocks.2 is before blocks.10.
bool is_before(std::string_view block, std::string_view other);

// The block that a tensor belongs to, a part of its name; empty: none. Without a pattern that is the name up to its
// first component that is a number, the child of a list; with one, the shortest part that the pattern matches.
std::string_view block_of(std::string_view tensor, std::string_view pattern);

struct CheckpointBlock {
  std::string name;
  std::vector<fvhooks::StoredTensor> tensors;
};

struct CheckpointBlocks {
  std::vector<CheckpointBlock> blocks;
  std::uint64_t bytes_outside = 0;
};
CheckpointBlocks find_blocks(const fvhooks::Checkpoint& checkpoint, std::string_view pattern);

}  // namespace fvtrace
