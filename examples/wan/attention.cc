#include "attention.h"

#include <vector>

namespace wan {
namespace {

nn::Linear fused(const std::vector<nn::Linear>& projections) {
  std::vector<Tensor> weights, biases;
  for (const auto& projection : projections) {
    weights.push_back(projection->weight);
    biases.push_back(projection->bias);
  }
  const auto weight = torch::cat(weights);
  nn::Linear linear(weight.size(1), weight.size(0));
  linear->weight.set_data(weight);
  linear->bias.set_data(torch::cat(biases));
  return linear;
}

}  // namespace

Tensor WanAttnProcessor::operator()(WanAttentionImpl& attn, const Tensor& hidden_states,
                                    const std::optional<Tensor>& encoder_hidden_states,
                                    const std::optional<Tensor>& attention_mask,
                                    const std::optional<RotaryEmbedding>& rotary_emb) const {
  const auto& context = encoder_hidden_states ? *encoder_hidden_states : hidden_states;
  const auto projected = project(attn, hidden_states, context);
  QueryKeyValue heads{split_heads(projected.query, attn.heads), split_heads(projected.key, attn.heads),
                      split_heads(projected.value, attn.heads)};
  if (rotary_emb) rotate(heads, *rotary_emb);

  const auto& [query, key, value] = heads;
  const auto output = merge_heads(attention(query, key, value, attention_mask)).type_as(query);
  return attn.out_dropout(attn.out_projection(output));
}

QueryKeyValue WanAttnProcessor::project(WanAttentionImpl& attn, const Tensor& hidden_states,
                                        const Tensor& context) const {
  const auto [query, key, value] = attn.projections(hidden_states, context);
  return {attn.norm_q(query), attn.norm_k(key), value};
}

Tensor WanAttnProcessor::split_heads(const Tensor& tensor, std::int64_t heads) const {
  return tensor.unflatten(2, {heads, -1});
}

Tensor WanAttnProcessor::merge_heads(const Tensor& tensor) const { return tensor.flatten(2, 3); }

void WanAttnProcessor::rotate(QueryKeyValue& heads, const RotaryEmbedding& rotary_emb) const {
  heads.query = apply_rotary_emb(heads.query, rotary_emb);
  heads.key = apply_rotary_emb(heads.key, rotary_emb);
}

Tensor WanAttnProcessor::apply_rotary_emb(const Tensor& hidden_states, const RotaryEmbedding& rotary_emb) const {
  using torch::indexing::Ellipsis;
  using torch::indexing::Slice;
  constexpr auto kNone = torch::indexing::None;
  const auto& [freqs_cos, freqs_sin] = rotary_emb;

  const auto pairs = hidden_states.unflatten(-1, {-1, 2}).unbind(-1);
  const auto& x1 = pairs[0];
  const auto& x2 = pairs[1];
  const auto cos = freqs_cos.index({Ellipsis, Slice(0, kNone, 2)});
  const auto sin = freqs_sin.index({Ellipsis, Slice(1, kNone, 2)});
  auto out = torch::empty_like(hidden_states);
  out.index_put_({Ellipsis, Slice(0, kNone, 2)}, x1 * cos - x2 * sin);
  out.index_put_({Ellipsis, Slice(1, kNone, 2)}, x1 * sin + x2 * cos);
  return out;
}

Tensor WanAttnProcessor::attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                   const std::optional<Tensor>& attention_mask) const {
  const auto heads_first = [](const Tensor& tensor) { return tensor.permute({0, 2, 1, 3}); };
  const auto output =
      torch::scaled_dot_product_attention(heads_first(query), heads_first(key), heads_first(value), attention_mask);
  return output.permute({0, 2, 1, 3});
}

WanAttentionImpl::WanAttentionImpl(std::int64_t dim, std::int64_t heads_, std::int64_t dim_head, double eps)
    : heads(heads_), processor_(std::make_shared<WanAttnProcessor>()) {
  const auto inner_dim = dim_head * heads;
  to_q = register_module("to_q", nn::Linear(dim, inner_dim));
  to_k = register_module("to_k", nn::Linear(dim, inner_dim));
  to_v = register_module("to_v", nn::Linear(dim, inner_dim));
  out_projection = nn::Linear(inner_dim, dim);
  out_dropout = nn::Dropout(0.0);
  register_module("to_out", nn::ModuleList(out_projection, out_dropout));
  norm_q = register_module("norm_q", nn::RMSNorm(nn::RMSNormOptions(inner_dim).eps(eps)));
  norm_k = register_module("norm_k", nn::RMSNorm(nn::RMSNormOptions(inner_dim).eps(eps)));
}

QueryKeyValue WanAttentionImpl::projections(const Tensor& hidden_states, const Tensor& context) {
  if (to_qkv) {
    const auto parts = to_qkv(hidden_states).chunk(3, /*dim=*/-1);
    return {parts[0], parts[1], parts[2]};
  }
  const auto query = to_q(hidden_states);
  if (to_kv) {
    const auto parts = to_kv(context).chunk(2, /*dim=*/-1);
    return {query, parts[0], parts[1]};
  }
  const auto key = to_k(context);
  return {query, key, to_v(context)};
}

void WanAttentionImpl::fuse_self_projections() { to_qkv = register_module("to_qkv", fused({to_q, to_k, to_v})); }

void WanAttentionImpl::fuse_cross_projections() { to_kv = register_module("to_kv", fused({to_k, to_v})); }

Tensor WanAttentionImpl::forward(const Tensor& hidden_states, const std::optional<Tensor>& encoder_hidden_states,
                                 const std::optional<Tensor>& attention_mask,
                                 const std::optional<RotaryEmbedding>& rotary_emb) {
  return (*processor_)(*this, hidden_states, encoder_hidden_states, attention_mask, rotary_emb);
}

}  // namespace wan
