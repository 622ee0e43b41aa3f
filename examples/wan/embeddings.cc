#include "embeddings.h"

#include <cmath>

namespace wan {

Tensor get_timestep_embedding(const Tensor& timesteps, std::int64_t embedding_dim) {
  constexpr double kMaxPeriod = 10000.0;
  const auto half_dim = embedding_dim / 2;
  const auto exponent = -std::log(kMaxPeriod) * torch::arange(0, half_dim, torch::kFloat32) / half_dim;
  const auto angles = timesteps.unsqueeze(1).to(torch::kFloat32) * torch::exp(exponent).unsqueeze(0);
  const auto embedding = torch::cat({torch::cos(angles), torch::sin(angles)}, /*dim=*/-1);
  return embedding_dim % 2 == 0 ? embedding : torch::constant_pad_nd(embedding, {0, 1});
}

Tensor TimestepsImpl::forward(const Tensor& timesteps) { return get_timestep_embedding(timesteps, num_channels_); }

TimestepEmbeddingImpl::TimestepEmbeddingImpl(std::int64_t in_channels, std::int64_t time_embed_dim) {
  linear_1 = register_module("linear_1", nn::Linear(in_channels, time_embed_dim));
  act = register_module("act", nn::SiLU());
  linear_2 = register_module("linear_2", nn::Linear(time_embed_dim, time_embed_dim));
}

Tensor TimestepEmbeddingImpl::forward(const Tensor& sample) { return linear_2(act(linear_1(sample))); }

PixArtAlphaTextProjectionImpl::PixArtAlphaTextProjectionImpl(std::int64_t in_features, std::int64_t hidden_size) {
  linear_1 = register_module("linear_1", nn::Linear(in_features, hidden_size));
  act_1 = register_module("act_1", nn::GELU(nn::GELUOptions().approximate("tanh")));
  linear_2 = register_module("linear_2", nn::Linear(hidden_size, hidden_size));
}

Tensor PixArtAlphaTextProjectionImpl::forward(const Tensor& caption) { return linear_2(act_1(linear_1(caption))); }

WanTimeTextImageEmbeddingImpl::WanTimeTextImageEmbeddingImpl(std::int64_t dim, std::int64_t time_freq_dim,
                                                             std::int64_t time_proj_dim, std::int64_t text_embed_dim) {
  timesteps_proj = register_module("timesteps_proj", Timesteps(time_freq_dim));
  time_embedder = register_module("time_embedder", TimestepEmbedding(time_freq_dim, dim));
  act_fn = register_module("act_fn", nn::SiLU());
  time_proj = register_module("time_proj", nn::Linear(dim, time_proj_dim));
  text_embedder = register_module("text_embedder", PixArtAlphaTextProjection(text_embed_dim, dim));
}

std::tuple<Tensor, Tensor, Tensor> WanTimeTextImageEmbeddingImpl::forward(const Tensor& timestep,
                                                                          const Tensor& encoder_hidden_states) {
  // The time embedder may stay in float32 in a bfloat16 model.
  const auto time_embedder_dtype = time_embedder->linear_1->weight.scalar_type();
  const auto frequencies = timesteps_proj(timestep).to(time_embedder_dtype);
  const auto temb = time_embedder(frequencies).type_as(encoder_hidden_states);
  const auto timestep_proj = time_proj(act_fn(temb));
  return {temb, timestep_proj, text_embedder(encoder_hidden_states)};
}

}  // namespace wan
