#pragma once
#include "attention.h"
#include "config.h"
#include "feed_forward.h"
#include "modulation.h"
#include "normalization.h"

namespace wan {

// Self-attention, cross-attention to the text, feed-forward; each added to a residual stream. The first and the last
// are scaled, shifted and gated by the timestep.
class WanTransformerBlockImpl : public torch::nn::Module {
 public:
  explicit WanTransformerBlockImpl(const WanConfig& config);

  // temb: [batch, 6, inner_dim]
  Tensor forward(const Tensor& hidden_states, const Tensor& encoder_hidden_states, const Tensor& temb,
                 const RotaryEmbedding& rotary_emb);

  void set_modulation(std::shared_ptr<const Modulation> modulation) { modulation_ = std::move(modulation); }

  FP32LayerNorm norm1{nullptr};
  WanAttention attn1{nullptr};
  WanAttention attn2{nullptr};
  FP32LayerNorm norm2{nullptr};  // null without cross_attn_norm
  FeedForward ffn{nullptr};
  FP32LayerNorm norm3{nullptr};
  Tensor scale_shift_table;  // [1, 6, inner_dim]

 private:
  Tensor cross_attention_norm(const Tensor& hidden_states);

  nn::Identity identity_{nullptr};  // norm2, without cross_attn_norm
  std::shared_ptr<const Modulation> modulation_ = std::make_shared<Modulation>();
};
FVHOOKS_MODULE(WanTransformerBlock);

}  // namespace wan
