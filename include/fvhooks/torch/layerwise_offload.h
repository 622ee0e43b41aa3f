#pragma once
// A model in less device memory than it weighs: the weights of its blocks rest in host memory or on disk, each block's
// come in just ahead of its forward. FastVideo's names; docs/offload.md has the guarantees.
#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fvhooks/offload_plan.h"
#include "fvhooks/torch/forward_hook.h"

namespace at {
class Tensor;
}

namespace fvhooks {

namespace internal {
class OffloadedModel;
}

struct LayerwiseOffloadOptions {
  std::vector<std::string> blocks = {};  // paths of the blocks; empty: the children of each ModuleList and Sequential
  std::uint64_t budget = 0;              // bytes on the device for all blocks; 0: as few as will do
  std::size_t prefetch_depth = 1;        // blocks on their way ahead of the one in use
  // Empty: host memory. Else a checkpoint (safetensors file, index or folder) with the model's own weights and names,
  // or a folder without one, to which the weights are written.
  std::string store = {};
  std::optional<c10::Device> device = {};  // where the blocks run; else where they are now
  std::string scratch = {};  // folder for weights that are changed while on disk; else the system's temporary
};

// One block's share of an offloaded model.
class LayerwiseOffloadState {
 public:
  LayerwiseOffloadState(std::shared_ptr<internal::OffloadedModel> model, std::size_t block)
      : model_(std::move(model)), block_(block) {}
  internal::OffloadedModel& model() const noexcept { return *model_; }
  std::size_t block() const noexcept { return block_; }

 private:
  std::shared_ptr<internal::OffloadedModel> model_;
  std::size_t block_;
};

class LayerwiseOffloadHook : public ForwardHook {
 public:
  static constexpr std::string_view kName = "LayerwiseOffloadHook";
  explicit LayerwiseOffloadHook(LayerwiseOffloadState state) : state_(std::move(state)) {}
  std::string_view name() const override { return kName; }

  void pre_forward(torch::nn::Module& module, ValueRef args) override;
  void post_forward(torch::nn::Module& module, ValueRef output) override;
  void forward_failed(torch::nn::Module& module) noexcept override;

  const LayerwiseOffloadState& state() const noexcept { return state_; }

  // Runs `edit` while the block's parameters hold their values, and keeps what it made of them: all of it, or, if it
  // throws, nothing. Dtypes and shapes stay. Waits for forwards of the block on other threads.
  void mutate_params_scope(const std::function<void()>& edit);

 private:
  LayerwiseOffloadState state_;
};

// Parameters and buffers of the blocks are empty from here on, but for each block's own forward. Throws
// fvhooks::Exception, and leaves the model as it was, for a device or a store that is not there, a budget that is too
// small, blocks that cannot be hooked, a model that is offloaded already.
void enable_layerwise_offload(torch::nn::Module& model, const LayerwiseOffloadOptions& options = {});
// Frees the memory of the module's parameters: enable_layerwise_offload then gives them the values of its checkpoint.
// Called with each block once it is constructed, it builds a model that never fits in memory. Until then all bits of
// their elements are set: NaN.
void await_checkpoint(torch::nn::Module& module);

// Every value back where it was: in memory, or on private mappings of the checkpoint. Nothing happens if it is not
// offloaded. Throws while a forward of a block runs.
void disable_layerwise_offload(torch::nn::Module& model);

// Real values by name of all parameters and buffers of the blocks: copies on the host, or private mappings.
std::map<std::string, at::Tensor> offloaded_values(const torch::nn::Module& model);
OffloadReport offload_report(const torch::nn::Module& model);

}  // namespace fvhooks
