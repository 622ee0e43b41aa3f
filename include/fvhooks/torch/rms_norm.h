#pragma once
// torch.nn.RMSNorm, which the C++ API lacks.
#include <torch/nn/cloneable.h>

#include <optional>
#include <vector>

namespace fvhooks {
namespace nn {

// RMSNormOptions({1536}).eps(1e-6).elementwise_affine(false)
struct RMSNormOptions {
  RMSNormOptions(std::vector<std::int64_t> normalized_shape)  // NOLINT: implicit, as torch's options are
      : normalized_shape_(std::move(normalized_shape)) {}
  RMSNormOptions(std::int64_t normalized_size) : normalized_shape_{normalized_size} {}  // NOLINT

  TORCH_ARG(std::vector<std::int64_t>, normalized_shape);  // sizes of the last dimensions
  TORCH_ARG(std::optional<double>, eps) = std::nullopt;    // none: machine epsilon of the input's dtype
  TORCH_ARG(bool, elementwise_affine) = true;              // with a weight
};

}  // namespace nn

namespace internal {

class RMSNormImpl : public torch::nn::Cloneable<RMSNormImpl> {
 public:
  explicit RMSNormImpl(nn::RMSNormOptions options_);
  void reset() override;
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;

  // x / sqrt(mean(x²) + eps) · weight
  torch::Tensor forward(const torch::Tensor& input);

  nn::RMSNormOptions options;
  torch::Tensor weight;  // undefined without elementwise_affine
};

}  // namespace internal
}  // namespace fvhooks
