#pragma once
// The way between host memory and a device: streams and events through c10's registry, so that one build serves CUDA,
// ROCm, XPU; on a CPU plain copies.
#include <ATen/core/Tensor.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "fvhooks/disk_store.h"
#include "fvhooks/offload.h"

namespace fvhooks::internal {

// Blocks in one arena of host memory, pinned where `device` is an accelerator.
class HostBlocks {
 public:
  HostBlocks(const std::vector<std::size_t>& bytes, c10::Device device);
  std::size_t count() const noexcept { return begins_.size() - 1; }
  std::size_t bytes(std::size_t block) const noexcept { return begins_[block + 1] - begins_[block]; }
  std::byte* at(std::size_t block) const noexcept { return memory_ + begins_[block]; }
  std::size_t allocated() const noexcept { return static_cast<std::size_t>(arena_.nbytes()); }

 private:
  at::Tensor arena_;
  std::byte* memory_;
  std::vector<std::size_t> begins_;
};

std::shared_ptr<Transfer> make_device_transfer(std::shared_ptr<HostBlocks> host, c10::Device device);
// Three tiers: reads come through two pinned buffers of the largest block.
std::shared_ptr<Transfer> make_device_transfer(std::shared_ptr<DiskStore> disk, c10::Device device);

}  // namespace fvhooks::internal
