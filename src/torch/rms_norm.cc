#include "fvhooks/torch/rms_norm.h"

#include <ATen/ops/rms_norm.h>
#include <torch/nn/init.h>

namespace fvhooks::internal {

RMSNormImpl::RMSNormImpl(nn::RMSNormOptions options_) : options(std::move(options_)) { RMSNormImpl::reset(); }

void RMSNormImpl::reset() {
  if (options.elementwise_affine()) {
    weight = register_parameter("weight", torch::empty(options.normalized_shape()));
  } else {
    weight = register_parameter("weight", torch::Tensor(), /*requires_grad=*/false);
  }
  reset_parameters();
}

void RMSNormImpl::reset_parameters() {
  if (weight.defined()) torch::nn::init::ones_(weight);
}

void RMSNormImpl::pretty_print(std::ostream& stream) const {
  stream << "fvhooks::nn::RMSNorm(" << torch::IntArrayRef(options.normalized_shape()) << ", eps=";
  if (options.eps())
    stream << *options.eps();
  else
    stream << "None";
  stream << ", elementwise_affine=" << (options.elementwise_affine() ? "true" : "false") << ')';
}

torch::Tensor RMSNormImpl::forward(const torch::Tensor& input) {
  return at::rms_norm(input, options.normalized_shape(), weight.defined() ? std::optional(weight) : std::nullopt,
                      options.eps());
}

}  // namespace fvhooks::internal
