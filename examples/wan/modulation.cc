#include "modulation.h"

namespace wan {

std::vector<Tensor> Modulation::chunks(const Tensor& scale_shift_table, const Tensor& temb) const {
  return (scale_shift_table + temb.to(torch::kFloat32)).chunk(scale_shift_table.size(1), /*dim=*/1);
}

Tensor Modulation::scale_and_shift(const Tensor& normalized, const Tensor& scale, const Tensor& shift) const {
  return normalized * (1 + scale) + shift;
}

Tensor Modulation::add_gated(const Tensor& hidden_states, const Tensor& output, const Tensor& gate) const {
  return (hidden_states.to(torch::kFloat32) + output.to(torch::kFloat32) * gate).type_as(hidden_states);
}

}  // namespace wan
