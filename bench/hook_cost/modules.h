#pragma once
// The smallest forwards that there are, so that a call's own cost shows. Defined elsewhere: they cannot be inlined.
#include <torch/nn/module.h>

#include "fvhooks/torch/instrumented.h"

namespace hook_cost {

struct TrivialImpl : torch::nn::Module {
  int forward(int x);
};
struct ByValueImpl : torch::nn::Module {
  int forward(torch::Tensor x);
};

TORCH_MODULE_IMPL(PlainTrivial, TrivialImpl);
TORCH_MODULE_IMPL(PlainByValue, ByValueImpl);
FVHOOKS_MODULE_IMPL(HookableTrivial, TrivialImpl);
FVHOOKS_MODULE_IMPL(HookableByValue, ByValueImpl);

}  // namespace hook_cost
