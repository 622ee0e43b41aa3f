#include "block.h"

namespace wan {

WanTransformerBlockImpl::WanTransformerBlockImpl(const WanConfig& config) {
  const auto dim = config.inner_dim();
  const auto attention = [&] {
    return WanAttention(dim, config.num_attention_heads, config.attention_head_dim, config.eps);
  };

  norm1 = register_module("norm1", FP32LayerNorm(dim, config.eps, /*elementwise_affine=*/false));
  attn1 = register_module("attn1", attention());

  attn2 = register_module("attn2", attention());
  if (config.cross_attn_norm) {
    norm2 = register_module("norm2", FP32LayerNorm(dim, config.eps, /*elementwise_affine=*/true));
  } else {
    identity_ = register_module("norm2", nn::Identity());
  }

  ffn = register_module("ffn", FeedForward(dim, config.ffn_dim));
  norm3 = register_module("norm3", FP32LayerNorm(dim, config.eps, /*elementwise_affine=*/false));

  scale_shift_table = register_parameter("scale_shift_table", torch::empty({1, 6, dim}));
}

Tensor WanTransformerBlockImpl::cross_attention_norm(const Tensor& hidden_states) {
  return norm2 ? norm2(hidden_states) : identity_(hidden_states);
}

Tensor WanTransformerBlockImpl::forward(const Tensor& hidden_states_, const Tensor& encoder_hidden_states,
                                        const Tensor& temb, const RotaryEmbedding& rotary_emb) {
  auto hidden_states = hidden_states_;
  const auto as_float = [](const Tensor& tensor) { return tensor.to(torch::kFloat32); };

  const auto modulation = (scale_shift_table + as_float(temb)).chunk(6, /*dim=*/1);
  const auto& shift_msa = modulation[0];
  const auto& scale_msa = modulation[1];
  const auto& gate_msa = modulation[2];
  const auto& c_shift_msa = modulation[3];
  const auto& c_scale_msa = modulation[4];
  const auto& c_gate_msa = modulation[5];

  // 1. Self-attention
  auto norm_hidden_states = (norm1(as_float(hidden_states)) * (1 + scale_msa) + shift_msa).type_as(hidden_states);
  auto attn_output = attn1(norm_hidden_states, std::nullopt, std::nullopt, rotary_emb);
  hidden_states = (as_float(hidden_states) + attn_output * gate_msa).type_as(hidden_states);

  // 2. Cross-attention
  norm_hidden_states = cross_attention_norm(as_float(hidden_states)).type_as(hidden_states);
  attn_output = attn2(norm_hidden_states, encoder_hidden_states, std::nullopt, std::nullopt);
  hidden_states = hidden_states + attn_output;

  // 3. Feed-forward
  norm_hidden_states = (norm3(as_float(hidden_states)) * (1 + c_scale_msa) + c_shift_msa).type_as(hidden_states);
  const auto ff_output = ffn(norm_hidden_states);
  return (as_float(hidden_states) + as_float(ff_output) * c_gate_msa).type_as(hidden_states);
}

}  // namespace wan
