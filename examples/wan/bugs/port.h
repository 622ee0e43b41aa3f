#pragma once
// A port that something can be planted in.
#include <functional>
#include <memory>
#include <vector>

#include "../denoise.h"

namespace wan {

// Hooks stand for changed code. One that is attached before the trace runs outside of what the trace records of its
// module: it is the code of whoever calls the module. One that is attached after it runs inside: the module's own code.
class Port {
 public:
  Port(WanTransformer3DModel& model_, DenoiseInputs& inputs_) : model(*model_), inputs(inputs_) {}

  // From a module's first argument and its output, both tensors, to what stands for the output.
  using Result = std::function<Tensor(const Tensor& input, const Tensor& output)>;
  // Changes arguments, or an output, in place.
  using Change = std::function<void(fvhooks::ValueRef value)>;

  // The caller of `module` passes changed arguments; takes something else for its output.
  void caller_passes(torch::nn::Module& module, Change arguments);
  void caller_uses(torch::nn::Module& module, Result result);

  // `module` returns something else.
  void module_returns(torch::nn::Module& module, Result result);
  void module_returns_changed(torch::nn::Module& module, Change output);

  // Call once the model is traced.
  void finish();

  WanTransformer3DModelImpl& model;
  DenoiseInputs& inputs;
  std::unique_ptr<Denoiser> denoiser = std::make_unique<Denoiser>();

 private:
  std::vector<std::function<void()>> once_traced_;
};

}  // namespace wan
