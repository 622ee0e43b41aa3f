#pragma once
// Where the bytes of offloaded blocks rest: host memory, files written for the purpose, or the model's own checkpoint.
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "fvhooks/offload.h"
#include "torch/variable_spans.h"

namespace fvhooks::internal {

class BlockStore {
 public:
  virtual ~BlockStore() = default;
  virtual std::shared_ptr<Transfer> transfer() const = 0;
  // Stores the block's bytes, after which their memory may go.
  virtual void take(std::size_t block, const BlockSpans& spans) = 0;
  virtual std::size_t offset(std::size_t block, std::size_t span) const = 0;  // in the block's buffer
  // The block's spans, as they are stored now: bytes of their own, on the host. Throws fvhooks::Exception.
  virtual std::vector<at::Tensor> spans(std::size_t block) = 0;
  virtual std::string description() const = 0;  // for a log
};

// They throw fvhooks::Exception. A store in memory has nothing until it is given each block by take.
std::shared_ptr<BlockStore> store_in_memory(const std::vector<BlockSpans>& blocks, c10::Device device);
// Writes a file a block into `folder`, which vanish with the process.
std::shared_ptr<BlockStore> store_in_files(const std::vector<BlockSpans>& blocks, const std::string& folder,
                                           const OffloadSettings& settings);
// Nothing is written: `path` is a checkpoint that holds these very bytes under the variables' names, which is checked
// where there are any to compare. Awaited variables (BlockSpans has their shape, no memory) come from it alone.
std::shared_ptr<BlockStore> store_in_checkpoint(const std::vector<BlockSpans>& blocks, const std::string& path,
                                                const OffloadSettings& settings);

// Gives awaited variables outside all blocks their values, for good. Throws if a name is not in the checkpoint.
void load_awaited(const std::vector<NamedVariable>& variables, const OffloadSettings& settings);

}  // namespace fvhooks::internal
