#include "normalization.h"

namespace wan {

FP32LayerNormImpl::FP32LayerNormImpl(std::int64_t dim, double eps, bool elementwise_affine)
    : LayerNormImpl(nn::LayerNormOptions({dim}).eps(eps).elementwise_affine(elementwise_affine)) {}

Tensor FP32LayerNormImpl::forward(const Tensor& inputs) {
  const auto as_float = [](const Tensor& parameter) {
    return parameter.defined() ? parameter.to(torch::kFloat32) : parameter;
  };
  return torch::layer_norm(inputs.to(torch::kFloat32), options.normalized_shape(), as_float(weight), as_float(bias),
                           options.eps())
      .to(inputs.dtype());
}

}  // namespace wan
