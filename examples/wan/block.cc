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

  const auto chunks = modulation_->chunks(scale_shift_table, temb);
  const auto& shift_msa = chunks[0];
  const auto& scale_msa = chunks[1];
  const auto& gate_msa = chunks[2];
  const auto& c_shift_msa = chunks[3];
  const auto& c_scale_msa = chunks[4];
  const auto& c_gate_msa = chunks[5];

  // 1. Self-attention
  auto norm_hidden_states =
      modulation_->scale_and_shift(norm1(as_float(hidden_states)), scale_msa, shift_msa).type_as(hidden_states);
  auto attn_output = attn1(norm_hidden_states, std::nullopt, std::nullopt, rotary_emb);
  hidden_states = modulation_->add_gated(hidden_states, attn_output, gate_msa);

  // 2. Cross-attention
  norm_hidden_states = cross_attention_norm(as_float(hidden_states)).type_as(hidden_states);
  attn_output = attn2(norm_hidden_states, encoder_hidden_states, std::nullopt, std::nullopt);
  hidden_states = hidden_states + attn_output;

  // 3. Feed-forward
  norm_hidden_states =
      modulation_->scale_and_shift(norm3(as_float(hidden_states)), c_scale_msa, c_shift_msa).type_as(hidden_states);
  return modulation_->add_gated(hidden_states, ffn(norm_hidden_states), c_gate_msa);
}

}  // namespace wan
