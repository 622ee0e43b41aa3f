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

  // What the caller of `module` does with its output.
  using Use = std::function<Tensor(const Tensor& input, const Tensor& output)>;
  void caller_uses(torch::nn::Module& module, Use use);
  // What the caller of `module` passes as its first argument, given the arguments.
  using Pass = std::function<void(fvhooks::ValueRef args)>;
  void caller_passes(torch::nn::Module& module, Pass pass);

  // What `module` returns; the first is for modules that take and return a tensor.
  void module_returns(torch::nn::Module& module, Use use);
  using Change = std::function<void(fvhooks::ValueRef output)>;
  void module_returns_changed(torch::nn::Module& module, Change change);

  // Call once the model is traced.
  void finish();

  WanTransformer3DModelImpl& model;
  DenoiseInputs& inputs;
  std::unique_ptr<Denoiser> denoiser = std::make_unique<Denoiser>();

 private:
  std::vector<std::function<void()>> once_traced_;
};

}  // namespace wan
