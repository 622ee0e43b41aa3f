// Between the projections of an attention.
#include <cmath>

#include "bugs.h"
#include "processors.h"

namespace wan {
namespace {

class WithoutQkNorm : public WanAttnProcessor {
  QueryKeyValue project(WanAttentionImpl& attn, const Tensor& hidden_states, const Tensor& context) const override {
    return attn.projections(hidden_states, context);
  }
};

class QkNormAfterRotary : public WanAttnProcessor {
 public:
  Tensor operator()(WanAttentionImpl& attn, const Tensor& hidden_states, const std::optional<Tensor>&,
                    const std::optional<Tensor>& attention_mask,
                    const std::optional<RotaryEmbedding>& rotary_emb) const override {
    const auto rotated = [&](const Tensor& tensor) {
      return merge_heads(apply_rotary_emb(split_heads(tensor, attn.heads), *rotary_emb));
    };
    const auto [query, key, value] = attn.projections(hidden_states, hidden_states);
    const auto normalized_query = split_heads(attn.norm_q(rotated(query)), attn.heads);
    const auto normalized_key = split_heads(attn.norm_k(rotated(key)), attn.heads);
    const auto output = attention(normalized_query, normalized_key, split_heads(value, attn.heads), attention_mask);
    return attn.out_dropout(attn.out_projection(merge_heads(output)));
  }
};

class KeyAndValueSwapped : public WanAttnProcessor {
  QueryKeyValue project(WanAttentionImpl& attn, const Tensor& hidden_states, const Tensor& context) const override {
    const auto [query, value, key] = attn.projections(hidden_states, context);
    return {attn.norm_q(query), attn.norm_k(key), value};
  }
};

double sqrt_of_head_dim(const Tensor& query) { return std::sqrt(static_cast<double>(query.size(-1))); }

class ScaleMissing : public WanAttnProcessor {
  Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value,
                   const std::optional<Tensor>& attention_mask) const override {
    return WanAttnProcessor::attention(query * sqrt_of_head_dim(query), key, value, attention_mask);
  }
};

class ScaleTwice : public WanAttnProcessor {
  Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value,
                   const std::optional<Tensor>& attention_mask) const override {
    return WanAttnProcessor::attention(query / sqrt_of_head_dim(query), key, value, attention_mask);
  }
};

class LastKeyMasked : public WanAttnProcessor {
  Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value,
                   const std::optional<Tensor>&) const override {
    return WanAttnProcessor::attention(query, key, value, (torch::arange(key.size(1)) < key.size(1) - 1).unsqueeze(0));
  }
};

class Causal : public WanAttnProcessor {
  Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value,
                   const std::optional<Tensor>&) const override {
    const auto mask = torch::ones({query.size(1), key.size(1)}, torch::kBool).tril();
    return WanAttnProcessor::attention(query, key, value, mask);
  }
};

class HeadsInnermost : public WanAttnProcessor {
  Tensor split_heads(const Tensor& tensor, std::int64_t heads) const override {
    return tensor.unflatten(2, {-1, heads}).transpose(2, 3);
  }
};

// Takes [batch, heads, tokens, attention_head_dim] for [batch, tokens, heads, attention_head_dim].
class HeadsNotMovedBack : public WanAttnProcessor {
  Tensor merge_heads(const Tensor& tensor) const override {
    return tensor.transpose(1, 2).reshape({tensor.size(0), tensor.size(1), -1});
  }
};

class FirstHeadsSwapped : public WanAttnProcessor {
  Tensor merge_heads(const Tensor& tensor) const override {
    auto heads = tensor.unbind(2);
    std::swap(heads[0], heads[1]);
    return torch::cat(heads, /*dim=*/-1);
  }
};

class CachedContext : public ContextLenAttnProcessor {
  using ContextLenAttnProcessor::ContextLenAttnProcessor;
  QueryKeyValue project(WanAttentionImpl& attn, const Tensor& hidden_states, const Tensor& context) const override {
    if (!cached_) {
      const auto projected = ContextLenAttnProcessor::project(attn, hidden_states, context);
      cached_ = {projected.key, projected.value};
      return projected;
    }
    return {attn.norm_q(attn.to_q(hidden_states)), cached_->first, cached_->second};
  }
  mutable std::optional<std::pair<Tensor, Tensor>> cached_;
};

// attn2 has its arguments from the block.
void attend_to_itself(Port& port) {
  for (auto& block : port.model.blocks)
    port.caller_passes(*block->attn2,
                       [](fvhooks::ValueRef args) { *args[1].get<std::optional<Tensor>>() = *args[0].get<Tensor>(); });
}

constexpr Planting kBugs[] = {
    {"qk-norm-missing", "query and key are not normalised", &set_attn1<WithoutQkNorm>},
    {"qk-norm-after-rope", "query and key are normalised after the rotary embedding", &set_attn1<QkNormAfterRotary>},
    {"kv-swapped", "the key's projection is taken for the value and the value's for the key",
     &set_attn1<KeyAndValueSwapped>},
    {"scale-missing", "scores are not divided by the root of the head's dimension", &set_attn1<ScaleMissing>},
    {"scale-twice", "scores are divided by the root of the head's dimension twice", &set_attn1<ScaleTwice>},
    {"mask-last-key", "the last token is masked in self-attention: a length is short by one",
     &set_attn1<LastKeyMasked>},
    {"mask-causal", "self-attention is causal", &set_attn1<Causal>},
    {"heads-innermost", "projections are split as [head dimension, heads]", &set_attn1<HeadsInnermost>},
    {"heads-not-moved-back", "heads are merged without moving them behind the tokens", &set_attn1<HeadsNotMovedBack>},
    {"head-swapped", "two heads change places when heads are merged", &set_attn1<FirstHeadsSwapped>},
    {"text-mask-off-by-one", "cross-attention sees one token of the text's padding",
     [](Port& port) { set_attn2<ContextLenAttnProcessor>(port, context_len(port) + 1); }},
    {"text-padding-attended", "cross-attention sees all of the text's padding",
     [](Port& port) { set_attn2<ContextLenAttnProcessor>(port, port.inputs.prompt_embeds.size(1)); }},
    {"text-cached", "keys and values of the first text are kept for all others",
     [](Port& port) { set_attn2<CachedContext>(port, context_len(port)); }},
    {"cross-attention-to-itself", "cross-attention is given the hidden states in place of the text", &attend_to_itself},
};

}  // namespace

std::span<const Planting> attention_bugs() { return kBugs; }

}  // namespace wan
