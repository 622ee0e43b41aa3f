// The feed-forward, and what overflows or stays random there.
#include <limits>

#include "bugs.h"

namespace wan {
namespace {

void set_activation(Port& port, Tensor (*activation)(const Tensor&)) {
  for (auto& block : port.model.blocks) block->ffn->project_in->activation = activation;
}

// In the block whose activations are large.
void project_in_half(Port& port) {
  auto& proj = port.model.blocks.at(1)->ffn->project_in->proj;
  port.module_returns(*proj, [&proj](const Tensor& input, const Tensor&) {
    const auto half = [](const Tensor& tensor) { return tensor.to(torch::kHalf); };
    return torch::linear(half(input), half(proj->weight), half(proj->bias)).type_as(input);
  });
}

// In the very last forward.
void leave_one_element_unset(Port& port) {
  const auto last = 2 * port.inputs.timesteps.size(0) - 1;
  port.module_returns(*port.model.blocks.at(2)->ffn->project_in,
                      [last, call = 0](const Tensor&, const Tensor& output) mutable {
                        if (call++ == last) output[0][-1][3] = std::numeric_limits<float>::quiet_NaN();
                        return output;
                      });
}

void leave_dropout_on(Port& port) {
  torch::manual_seed(0);
  for (const auto& module : port.model.modules())
    if (auto* const dropout = module->as<torch::nn::DropoutImpl>()) dropout->options.p(0.1);
  port.model.train();
}

constexpr Planting kBugs[] = {
    {"gelu-exact", "GELU is exact in place of its approximation by tanh",
     [](Port& port) { set_activation(port, [](const Tensor& x) { return torch::gelu(x, "none"); }); }},
    {"gelu-silu", "SiLU in place of GELU",
     [](Port& port) { set_activation(port, [](const Tensor& x) { return torch::silu(x); }); }},
    {"ffn-fp16-overflow", "a projection with large activations works in float16", &project_in_half},
    {"ffn-nan", "one element of one token is not a number, late", &leave_one_element_unset},
    {"dropout-on", "the port was left in training mode: dropout of 0.1 is active", &leave_dropout_on},
};

}  // namespace

std::span<const Planting> feed_forward_bugs() { return kBugs; }

}  // namespace wan
