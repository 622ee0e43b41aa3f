// Ports that lay out their tensors, or their calls, otherwise than the reference.
#include <vector>

#include "bugs.h"
#include "fvhooks/run.h"

namespace wan {
namespace {

void fuse_projections(Port& port) {
  for (auto& block : port.model.blocks) {
    block->attn1->fuse_self_projections();
    block->attn2->fuse_cross_projections();
  }
}

// Both prompts in one pass: [2, …] in the place of two times [1, …].
class BatchedGuidance : public Denoiser {
  Predictions predict_both(WanTransformer3DModel& model, const Tensor& latents, const Tensor& timestep,
                           const Tensor& embeds, const Tensor& negative_embeds) override {
    const auto twice = [](const Tensor& tensor) { return torch::cat({tensor, tensor}); };
    const auto both = predict(model, twice(latents), twice(timestep), torch::cat({embeds, negative_embeds}));
    const auto parts = both.chunk(2);
    return {parts[0], parts[1]};
  }
};

// What the module returns, and so what is traced, is `laid_out`; its caller lays it out as before.
void lay_out(Port& port, torch::nn::Module& module, const Port::Result& laid_out, const Port::Result& as_before) {
  port.module_returns(module, laid_out);
  port.caller_uses(module, as_before);
}

// [batch, heads, tokens, attention_head_dim] in the place of [batch, tokens, inner_dim].
void put_heads_first(Port& port) {
  for (auto& block : port.model.blocks) {
    auto& attn = *block->attn1;
    for (auto* const projection : {&attn.to_q, &attn.to_k, &attn.to_v})
      lay_out(
          port, **projection,
          [heads = attn.heads](const Tensor&, const Tensor& output) {
            return output.unflatten(2, {heads, -1}).transpose(1, 2);
          },
          [](const Tensor&, const Tensor& output) { return output.transpose(1, 2).flatten(2, 3); });
  }
}

// Of two ranks that share out the columns of the feed-forward's first projection, and gather them behind it.
template <std::int64_t kRank>
void share_out_feed_forward(Port& port) {
  fvhooks::set_rank(kRank);
  for (auto& block : port.model.blocks) {
    auto& linear = *block->ffn->project_in->proj;
    const auto part = [&linear](const Tensor& input, std::int64_t rank) {
      const auto i = static_cast<std::size_t>(rank);
      return torch::linear(input, linear.weight.chunk(2)[i], linear.bias.chunk(2)[i]);
    };
    lay_out(
        port, linear, [part](const Tensor& input, const Tensor&) { return part(input, kRank); },
        [part](const Tensor& input, const Tensor& own) {
          const auto other = part(input, 1 - kRank);
          return torch::cat({kRank == 0 ? own : other, kRank == 0 ? other : own}, /*dim=*/-1);
        });
  }
}

constexpr Planting kLayouts[] = {
    {"fused-qkv",
     "query, key and value of self-attention are one module, to_qkv; key and value of cross-attention to_kv",
     &fuse_projections},
    {"batched-guidance", "both prompts are predicted in one pass, as a batch of two",
     [](Port& port) { port.denoiser = std::make_unique<BatchedGuidance>(); }},
    {"heads-first", "self-attention's projections return [batch, heads, tokens, head dimension]", &put_heads_first},
    {"rank-0-of-2", "the feed-forward's first projection has the first half of its columns",
     &share_out_feed_forward<0>},
    {"rank-1-of-2", "the feed-forward's first projection has the second half", &share_out_feed_forward<1>},
};

}  // namespace

std::vector<Planting> all_layouts() { return {std::begin(kLayouts), std::end(kLayouts)}; }

}  // namespace wan
