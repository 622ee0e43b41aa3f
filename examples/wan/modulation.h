#pragma once
// How the timestep conditions a layer (adaptive layer norm): it scales, shifts and gates. In float32.
#include <vector>

#include "fvhooks/torch/nn.h"

namespace wan {

using torch::Tensor;

class Modulation {
 public:
  virtual ~Modulation() = default;

  // scale_shift_table: [1, n, inner_dim], temb: [batch, n or 1, inner_dim]. n tensors, [batch, 1, inner_dim] each.
  virtual std::vector<Tensor> chunks(const Tensor& scale_shift_table, const Tensor& temb) const;

  virtual Tensor scale_and_shift(const Tensor& normalized, const Tensor& scale, const Tensor& shift) const;

  // In the dtype of hidden_states.
  virtual Tensor add_gated(const Tensor& hidden_states, const Tensor& output, const Tensor& gate) const;
};

}  // namespace wan
