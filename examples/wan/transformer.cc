#include "transformer.h"

namespace wan {

WanTransformer3DModelImpl::WanTransformer3DModelImpl(const WanConfig& config, const BlockVisitor& visit)
    : config_(config) {
  const auto inner_dim = config.inner_dim();
  const auto [p_t, p_h, p_w] = config.patch_size;

  // 1. Patch and position embedding
  rope =
      register_module("rope", WanRotaryPosEmbed(config.attention_head_dim, config.patch_size, config.rope_max_seq_len));
  const auto patch = nn::Conv3dOptions(config.in_channels, inner_dim, {p_t, p_h, p_w}).stride({p_t, p_h, p_w});
  patch_embedding = register_module("patch_embedding", nn::Conv3d(patch));

  // 2. Condition embeddings
  condition_embedder = register_module(
      "condition_embedder", WanTimeTextImageEmbedding(inner_dim, config.freq_dim, inner_dim * 6, config.text_dim));

  // 3. Transformer blocks
  const auto list = register_module("blocks", nn::ModuleList());
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    blocks.emplace_back(config);
    list->push_back(blocks.back());
    if (visit) visit(*blocks.back());
  }

  // 4. Output norm and projection
  norm_out = register_module("norm_out", FP32LayerNorm(inner_dim, config.eps, /*elementwise_affine=*/false));
  proj_out = register_module("proj_out", nn::Linear(inner_dim, config.out_channels * p_t * p_h * p_w));
  scale_shift_table = register_parameter("scale_shift_table", torch::empty({1, 2, inner_dim}));
}

void WanTransformer3DModelImpl::check(const Tensor& hidden_states, const Tensor& timestep,
                                      const Tensor& encoder_hidden_states) const {
  TORCH_CHECK_VALUE(hidden_states.dim() == 5 && hidden_states.size(1) == config_.in_channels,
                    "hidden_states has shape ", hidden_states.sizes(), ", expected [batch, ", config_.in_channels,
                    ", frames, height, width]");
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto size = hidden_states.size(i + 2), patch = config_.patch_size[static_cast<std::size_t>(i)];
    TORCH_CHECK_VALUE(size % patch == 0 && size / patch <= config_.rope_max_seq_len, "hidden_states has shape ",
                      hidden_states.sizes(), ": frames, height and width must be multiples of the patch ",
                      at::IntArrayRef(config_.patch_size), ", at most rope_max_seq_len = ", config_.rope_max_seq_len,
                      " of them");
  }
  TORCH_CHECK_VALUE(timestep.dim() == 1, "timestep has shape ", timestep.sizes(), ", expected [batch]");
  TORCH_CHECK_VALUE(encoder_hidden_states.dim() == 3 && encoder_hidden_states.size(2) == config_.text_dim,
                    "encoder_hidden_states has shape ", encoder_hidden_states.sizes(),
                    ", expected [batch, text tokens, ", config_.text_dim, "]");
}

Transformer2DModelOutput WanTransformer3DModelImpl::forward(const Tensor& latents, const Tensor& timestep,
                                                            const Tensor& text_embeddings) {
  check(latents, timestep, text_embeddings);
  const auto batch_size = latents.size(0);
  const auto [p_t, p_h, p_w] = config_.patch_size;
  const auto post_patch_num_frames = latents.size(2) / p_t;
  const auto post_patch_height = latents.size(3) / p_h;
  const auto post_patch_width = latents.size(4) / p_w;

  const auto rotary_emb = rope(latents);
  auto hidden_states = patch_embedding(latents).flatten(2).transpose(1, 2).contiguous();
  const auto [temb, projection, encoder_hidden_states] = condition_embedder(timestep, text_embeddings);
  const auto timestep_proj = projection.unflatten(1, {6, -1});

  for (auto& block : blocks) hidden_states = block(hidden_states, encoder_hidden_states, timestep_proj, rotary_emb);

  // Output norm, projection and unpatchify
  const auto chunks = modulation_->chunks(scale_shift_table, temb.unsqueeze(1));
  const auto& shift = chunks[0];
  const auto& scale = chunks[1];
  const auto normalized = norm_out(hidden_states.to(torch::kFloat32));
  hidden_states = modulation_->scale_and_shift(normalized, scale, shift).type_as(hidden_states);
  hidden_states = proj_out(hidden_states);

  hidden_states = hidden_states.reshape(
      {batch_size, post_patch_num_frames, post_patch_height, post_patch_width, p_t, p_h, p_w, -1});
  hidden_states = hidden_states.permute({0, 7, 1, 4, 2, 5, 3, 6});
  return {hidden_states.flatten(6, 7).flatten(4, 5).flatten(2, 3)};
}

}  // namespace wan
