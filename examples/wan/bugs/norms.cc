// Layer norms, and RMS norms of query and key.
#include "bugs.h"

namespace wan {
namespace {

void set_eps(Port& port) {
  for (auto& block : port.model.blocks)
    for (auto* const norm : {&block->norm1, &block->norm2, &block->norm3}) (*norm)->options.eps(1e-5);
  port.model.norm_out->options.eps(1e-5);
}

void normalize_in_bfloat16(Port& port) {
  for (auto& block : port.model.blocks)
    for (auto* const norm : {&block->norm1, &block->norm3})
      port.module_returns(**norm, [&options = (*norm)->options](const Tensor& input, const Tensor&) {
        return torch::layer_norm(input.to(torch::kBFloat16), options.normalized_shape(), {}, {}, options.eps())
            .to(input.dtype());
      });
}

// norm3 has no weights of its own.
void apply_weights_of_norm2(Port& port) {
  for (auto& block : port.model.blocks) {
    block->norm3->weight = block->norm2->weight;
    block->norm3->bias = block->norm2->bias;
  }
}

void forget_weights_of_norm2(Port& port) {
  for (auto& block : port.model.blocks) block->norm2->weight = block->norm2->bias = Tensor();
}

void normalize_per_head(Port& port) {
  for (auto& block : port.model.blocks)
    for (auto* const norm : {&block->attn1->norm_q, &block->attn1->norm_k}) {
      const auto heads = block->attn1->heads;
      port.module_returns(**norm, [norm, heads](const Tensor& input, const Tensor&) {
        const auto in_heads = input.to(torch::kFloat32).unflatten(-1, {heads, -1});
        const auto mean_square = in_heads.pow(2).mean(-1, /*keepdim=*/true);
        return ((in_heads * torch::rsqrt(mean_square + 1e-6)).flatten(-2) * (*norm)->weight).type_as(input);
      });
    }
}

void subtract_the_mean(Port& port) {
  for (auto& block : port.model.blocks)
    for (auto* const norm : {&block->attn1->norm_q, &block->attn1->norm_k})
      port.module_returns(**norm, [norm](const Tensor& input, const Tensor&) {
        return torch::layer_norm(input, {input.size(-1)}, (*norm)->weight, {}, 1e-6);
      });
}

void add_one_to_weights(Port& port) {
  for (auto& block : port.model.blocks)
    for (auto* const norm : {&block->attn1->norm_q, &block->attn1->norm_k}) (*norm)->weight = (*norm)->weight + 1;
}

void swap_weights_of_query_and_key(Port& port) {
  for (auto& block : port.model.blocks) std::swap(block->attn1->norm_q->weight, block->attn1->norm_k->weight);
}

constexpr Planting kBugs[] = {
    {"norm-eps", "layer norms add 1e-5, torch's default, in place of 1e-6", &set_eps},
    {"norm-bf16", "layer norms before attention and feed-forward work in bfloat16", &normalize_in_bfloat16},
    {"norm-affine", "the norm before the feed-forward has weight and bias, of its neighbour", &apply_weights_of_norm2},
    {"norm-affine-missing", "the norm before cross-attention lacks its weight and bias", &forget_weights_of_norm2},
    {"qk-norm-per-head", "query and key are normalised in each head instead of across heads", &normalize_per_head},
    {"qk-norm-mean", "query and key have their mean subtracted: LayerNorm in place of RMSNorm", &subtract_the_mean},
    {"qk-norm-plus-one", "weights of the RMS norms count from 1, as Gemma's do", &add_one_to_weights},
    {"qk-norm-swapped", "the query is normalised with the key's weight and the key with the query's",
     &swap_weights_of_query_and_key},
};

}  // namespace

std::span<const Planting> norm_bugs() { return kBugs; }

}  // namespace wan
