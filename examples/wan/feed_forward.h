#pragma once
#include "fvhooks/torch/nn.h"

namespace wan {

namespace nn = fvhooks::nn;
using torch::Tensor;

Tensor gelu_tanh(const Tensor& hidden_states);

// A projection and the tanh approximation of GELU.
class GELUImpl : public torch::nn::Module {
 public:
  GELUImpl(std::int64_t dim_in, std::int64_t dim_out);
  Tensor forward(const Tensor& hidden_states);

  nn::Linear proj{nullptr};
  Tensor (*activation)(const Tensor&) = &gelu_tanh;
};
FVHOOKS_MODULE(GELU);

class FeedForwardImpl : public torch::nn::Module {
 public:
  FeedForwardImpl(std::int64_t dim, std::int64_t inner_dim);
  Tensor forward(const Tensor& hidden_states);

  GELU project_in{nullptr};              // net.0
  nn::Dropout project_dropout{nullptr};  // net.1
  nn::Linear project_out{nullptr};       // net.2
};
FVHOOKS_MODULE(FeedForward);

}  // namespace wan
