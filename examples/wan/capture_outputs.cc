// Runs one forward and writes the outputs of every module, whole, for the test that compares the port with its
// reference: wan_capture_outputs MODEL INPUTS fp32|bf16 OUTPUT. Tensors are named MODULE:LABEL, as
// `blocks.0.attn1:out`.
#include <cstring>
#include <iostream>
#include <map>
#include <string>

#include "denoise.h"
#include "fvhooks/torch/hook_manager.h"
#include "tensors.h"
#include "weights.h"

namespace {

class CaptureHook : public fvhooks::ForwardHook {
 public:
  CaptureHook(std::string module, std::map<std::string, torch::Tensor>& outputs)
      : module_(std::move(module)), outputs_(outputs) {}
  std::string_view name() const override { return "capture"; }
  void post_forward(torch::nn::Module&, fvhooks::ValueRef output) override {
    output.walk("out", [&](torch::Tensor& tensor, const fvhooks::Label& label) {
      outputs_.insert_or_assign(module_ + ":" + to_string(label), tensor.detach().clone());
    });
  }

 private:
  std::string module_;
  std::map<std::string, torch::Tensor>& outputs_;
};

void capture(const std::string& folder, const std::string& inputs_path, torch::ScalarType dtype,
             const std::string& output) {
  const torch::NoGradGuard no_grad;
  wan::WanTransformer3DModel model(wan::read_config(folder + "/config.json"));
  wan::load_weights(*model, folder, dtype);
  model->eval();

  std::map<std::string, torch::Tensor> outputs;
  for (const auto& module : model->named_modules())
    if (fvhooks::ModuleHookManager::can_hook(*module.value()))
      fvhooks::ModuleHookManager::get_from_or_default(*module.value())
          ->append_forward_hook(std::make_shared<CaptureHook>(module.key(), outputs));

  const auto inputs = wan::read_inputs(inputs_path);
  model(inputs.latents.to(dtype), inputs.timesteps.slice(0, 0, 1), inputs.prompt_embeds.to(dtype));
  wan::write_tensors(output, outputs);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: wan_capture_outputs MODEL INPUTS fp32|bf16 OUTPUT\n";
    return 2;
  }
  try {
    capture(argv[1], argv[2], std::strcmp(argv[3], "bf16") == 0 ? torch::kBFloat16 : torch::kFloat32, argv[4]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "wan_capture_outputs: " << error.what() << '\n';
    return 2;
  }
}
