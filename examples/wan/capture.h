#pragma once
// Whole tensors of a forward, for a closer look than statistics give.
#include <map>
#include <string>

#include "fvhooks/torch/forward_hook.h"
#include "fvhooks/torch/nn.h"

namespace wan {

using Tensors = std::map<std::string, torch::Tensor>;

// Keeps the outputs of every hookable module under `model`, named MODULE:LABEL, as `blocks.0.attn1:out`. Of several
// calls the last one counts. `tensors` must outlive the forwards.
void capture_outputs(torch::nn::Module& model, Tensors& tensors);

// Keeps the inputs and outputs of one module ("": of the model) at every call, named LABEL@STEP.CALL, as `out@2.1`.
void capture_calls(torch::nn::Module& model, const std::string& module, Tensors& tensors);

}  // namespace wan
