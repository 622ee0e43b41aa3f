#pragma once
#include "fvhooks/torch/nn.h"

namespace wan {

namespace nn = fvhooks::nn;
using torch::Tensor;

// A LayerNorm that computes in float32, whatever the dtype of its input and of its weights.
class FP32LayerNormImpl : public torch::nn::LayerNormImpl {
 public:
  FP32LayerNormImpl(std::int64_t dim, double eps, bool elementwise_affine);
  Tensor forward(const Tensor& inputs);
};
FVHOOKS_MODULE(FP32LayerNorm);

}  // namespace wan
