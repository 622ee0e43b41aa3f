// Runs one forward and writes the outputs of every module, whole, for the test that compares the port with its
// reference: wan_capture_outputs MODEL INPUTS fp32|bf16 OUTPUT. Tensors are named MODULE:LABEL, as
// `blocks.0.attn1:out`.
#include <cstring>
#include <iostream>
#include <string>

#include "capture.h"
#include "denoise.h"
#include "tensors.h"
#include "weights.h"

namespace {

void capture(const std::string& folder, const std::string& inputs_path, torch::ScalarType dtype,
             const std::string& output) {
  const torch::NoGradGuard no_grad;
  wan::WanTransformer3DModel model(wan::read_config(folder + "/config.json"));
  wan::load_weights(*model, folder, dtype);
  model->eval();

  wan::Tensors outputs;
  wan::capture_outputs(*model, outputs);

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
