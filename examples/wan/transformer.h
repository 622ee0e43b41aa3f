#pragma once
// The Wan 2.1 text-to-video transformer: diffusers' WanTransformer3DModel, module for module.
#include <functional>
#include <vector>

#include "block.h"
#include "config.h"
#include "embeddings.h"

namespace wan {

struct Transformer2DModelOutput {
  Tensor sample;
};
FVHOOKS_FIELDS(Transformer2DModelOutput, sample)

class WanTransformer3DModelImpl : public torch::nn::Module {
 public:
  using BlockVisitor = std::function<void(torch::nn::Module&)>;

  // Parameters are random, or unset, until load_weights. Each block is shown to `visit` before the next is constructed,
  // which may free its memory: the model need not fit in memory.
  explicit WanTransformer3DModelImpl(const WanConfig& config, const BlockVisitor& visit = {});

  // hidden_states: [batch, in_channels, frames, height, width], timestep: [batch],
  // encoder_hidden_states: [batch, text tokens, text_dim]. sample: as hidden_states, with out_channels.
  Transformer2DModelOutput forward(const Tensor& hidden_states, const Tensor& timestep,
                                   const Tensor& encoder_hidden_states);

  const WanConfig& config() const noexcept { return config_; }

  // Of the output norm.
  void set_modulation(std::shared_ptr<const Modulation> modulation) { modulation_ = std::move(modulation); }

  WanRotaryPosEmbed rope{nullptr};
  nn::Conv3d patch_embedding{nullptr};
  WanTimeTextImageEmbedding condition_embedder{nullptr};
  std::vector<WanTransformerBlock> blocks;
  FP32LayerNorm norm_out{nullptr};
  nn::Linear proj_out{nullptr};
  Tensor scale_shift_table;  // [1, 2, inner_dim]

 private:
  void check(const Tensor& hidden_states, const Tensor& timestep, const Tensor& encoder_hidden_states) const;

  WanConfig config_;
  std::shared_ptr<const Modulation> modulation_ = std::make_shared<Modulation>();
};
FVHOOKS_MODULE(WanTransformer3DModel);

}  // namespace wan
