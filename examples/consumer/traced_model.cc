// A libtorch module with hooks: traced into the file that FASTVIDEO_TRACE_OUTPUT names.
#include <fvhooks/torch/activation_trace.h>
#include <fvhooks/torch/nn.h>

struct BlockImpl : torch::nn::Module {
  BlockImpl() { proj = register_module("proj", fvhooks::nn::Linear(4, 4)); }
  torch::Tensor forward(const torch::Tensor& x) { return torch::silu(proj(x)); }
  fvhooks::nn::Linear proj{nullptr};
};
FVHOOKS_MODULE(Block);

int main() {
  Block model;
  const auto trace = fvhooks::attach_activation_trace(model);
  model(torch::randn({2, 4}));
}
