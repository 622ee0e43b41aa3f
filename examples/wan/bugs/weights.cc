// Weights that were converted or loaded wrongly.
#include "bugs.h"

namespace wan {
namespace {

void swap_data(Tensor& a, Tensor& b) {
  const auto data = a.data();
  a.set_data(b.data());
  b.set_data(data);
}

void swap_blocks(Port& port) {
  auto first = port.model.blocks.at(1)->parameters();
  auto second = port.model.blocks.at(2)->parameters();
  for (std::size_t i = 0; i < first.size(); ++i) swap_data(first[i], second[i]);
}

void swap_query_and_key(Port& port) {
  for (auto& block : port.model.blocks) {
    swap_data(block->attn1->to_q->weight, block->attn1->to_k->weight);
    swap_data(block->attn1->to_q->bias, block->attn1->to_k->bias);
  }
}

// Rows of a fused projection are [query, key, value] of all heads; here they are split as [query, key, value] of each.
void split_fused_per_head(Port& port) {
  for (auto& block : port.model.blocks) {
    auto& attn = *block->attn1;
    const std::array projections = {attn.to_q, attn.to_k, attn.to_v};
    const auto fused = torch::cat({attn.to_q->weight, attn.to_k->weight, attn.to_v->weight});
    const auto parts = fused.unflatten(0, {attn.heads, 3, -1}).unbind(1);
    for (std::size_t i = 0; i < projections.size(); ++i) projections[i]->weight.set_data(parts[i].flatten(0, 1));
  }
}

// Those that are float32: in a bfloat16 model the time embedder, the tables and the norms.
void truncate_to_bfloat16(Port& port) {
  constexpr int kUpperHalf = -65536;
  for (auto& parameter : port.model.parameters())
    if (parameter.scalar_type() == torch::kFloat32)
      parameter.set_data(parameter.view(torch::kInt).bitwise_and(kUpperHalf).view(torch::kFloat32));
}

constexpr Planting kBugs[] = {
    {"weight-transposed", "a square weight is transposed",
     [](Port& port) {
       auto& weight = port.model.blocks.at(2)->attn2->out_projection->weight;
       weight.set_data(weight.t().contiguous());
     }},
    {"bias-dropped", "the query's projection lacks its bias",
     [](Port& port) {
       for (auto& block : port.model.blocks) block->attn1->to_q->bias.zero_();
     }},
    {"ffn-bias-dropped", "in one block, the feed-forward's output lacks its bias",
     [](Port& port) { port.model.blocks.at(1)->ffn->project_out->bias.zero_(); }},
    {"patch-weight-axes", "the weight of the patch embedding has height and width exchanged",
     [](Port& port) {
       auto& weight = port.model.patch_embedding->weight;
       weight.set_data(weight.transpose(3, 4).contiguous());
     }},
    {"qk-weights-swapped", "query and key are projected with each other's weights", &swap_query_and_key},
    {"qkv-per-head", "a fused projection is split per head", &split_fused_per_head},
    {"blocks-swapped", "two blocks have each other's weights", &swap_blocks},
    {"weights-bf16", "float32 weights went through bfloat16, cut off", &truncate_to_bfloat16},
};

}  // namespace

std::span<const Planting> weight_bugs() { return kBugs; }

}  // namespace wan
