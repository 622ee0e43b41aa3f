#pragma once
#include <memory>
#include <optional>

#include "fvhooks/torch/nn.h"
#include "rotary.h"

namespace wan {

namespace nn = fvhooks::nn;

class WanAttentionImpl;

struct QueryKeyValue {
  Tensor query, key, value;
};

// What attention does between its projections. One that differs can be set in its stead, as in the reference.
class WanAttnProcessor {
 public:
  virtual ~WanAttnProcessor() = default;

  virtual Tensor operator()(WanAttentionImpl& attn, const Tensor& hidden_states,
                            const std::optional<Tensor>& encoder_hidden_states,
                            const std::optional<Tensor>& attention_mask,
                            const std::optional<RotaryEmbedding>& rotary_emb) const;

 protected:
  // [batch, tokens, inner_dim] each; query and key are normalised.
  virtual QueryKeyValue project(WanAttentionImpl& attn, const Tensor& hidden_states, const Tensor& context) const;

  // [batch, tokens, inner_dim] to [batch, tokens, heads, attention_head_dim], and back.
  virtual Tensor split_heads(const Tensor& tensor, std::int64_t heads) const;
  virtual Tensor merge_heads(const Tensor& tensor) const;

  // Rotates query and key.
  virtual void rotate(QueryKeyValue& heads, const RotaryEmbedding& rotary_emb) const;
  // hidden_states: [batch, tokens, heads, attention_head_dim]. Turns the pairs (0, 1), (2, 3), … of a head.
  virtual Tensor apply_rotary_emb(const Tensor& hidden_states, const RotaryEmbedding& rotary_emb) const;

  // [batch, tokens, heads, attention_head_dim] each, and so the result.
  virtual Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value,
                           const std::optional<Tensor>& attention_mask) const;
};

// Self-attention, or, with encoder_hidden_states, cross-attention; query and key RMS-normalised across heads.
class WanAttentionImpl : public torch::nn::Module {
 public:
  WanAttentionImpl(std::int64_t dim, std::int64_t heads, std::int64_t dim_head, double eps);
  Tensor forward(const Tensor& hidden_states, const std::optional<Tensor>& encoder_hidden_states,
                 const std::optional<Tensor>& attention_mask, const std::optional<RotaryEmbedding>& rotary_emb);

  // Query, key and value, [batch, tokens, inner_dim] each.
  QueryKeyValue projections(const Tensor& hidden_states, const Tensor& context);

  // One product in the place of several: to_qkv (self-attention), to_kv (cross-attention). As in the reference, to_q,
  // to_k and to_v keep their weights and are not called any more.
  void fuse_self_projections();
  void fuse_cross_projections();

  void set_processor(std::shared_ptr<const WanAttnProcessor> processor) { processor_ = std::move(processor); }
  const std::shared_ptr<const WanAttnProcessor>& processor() const noexcept { return processor_; }

  std::int64_t heads;
  nn::Linear to_q{nullptr}, to_k{nullptr}, to_v{nullptr};
  nn::Linear to_qkv{nullptr}, to_kv{nullptr};  // once fused
  nn::Linear out_projection{nullptr};          // to_out.0
  nn::Dropout out_dropout{nullptr};            // to_out.1
  nn::RMSNorm norm_q{nullptr}, norm_k{nullptr};

 private:
  std::shared_ptr<const WanAttnProcessor> processor_;
};
FVHOOKS_MODULE(WanAttention);

}  // namespace wan
