#pragma once
// From timestep and text embeddings to what the blocks are conditioned on.
#include <tuple>

#include "fvhooks/torch/nn.h"

namespace wan {

namespace nn = fvhooks::nn;
using torch::Tensor;

// [n] to [n, embedding_dim], float32: cosines, then sines, of falling frequencies.
Tensor get_timestep_embedding(const Tensor& timesteps, std::int64_t embedding_dim);

class TimestepsImpl : public torch::nn::Module {
 public:
  explicit TimestepsImpl(std::int64_t num_channels) : num_channels_(num_channels) {}
  Tensor forward(const Tensor& timesteps);

 private:
  std::int64_t num_channels_;
};
FVHOOKS_MODULE(Timesteps);

class TimestepEmbeddingImpl : public torch::nn::Module {
 public:
  TimestepEmbeddingImpl(std::int64_t in_channels, std::int64_t time_embed_dim);
  Tensor forward(const Tensor& sample);

  nn::Linear linear_1{nullptr};
  nn::SiLU act{nullptr};
  nn::Linear linear_2{nullptr};
};
FVHOOKS_MODULE(TimestepEmbedding);

class PixArtAlphaTextProjectionImpl : public torch::nn::Module {
 public:
  PixArtAlphaTextProjectionImpl(std::int64_t in_features, std::int64_t hidden_size);
  Tensor forward(const Tensor& caption);

  nn::Linear linear_1{nullptr};
  nn::GELU act_1{nullptr};
  nn::Linear linear_2{nullptr};
};
FVHOOKS_MODULE(PixArtAlphaTextProjection);

// Named after the reference's, which also embeds images; this one is for text-to-video.
class WanTimeTextImageEmbeddingImpl : public torch::nn::Module {
 public:
  WanTimeTextImageEmbeddingImpl(std::int64_t dim, std::int64_t time_freq_dim, std::int64_t time_proj_dim,
                                std::int64_t text_embed_dim);

  // Time embedding [batch, dim], its projection [batch, time_proj_dim], text [batch, text tokens, dim].
  std::tuple<Tensor, Tensor, Tensor> forward(const Tensor& timestep, const Tensor& encoder_hidden_states);

  Timesteps timesteps_proj{nullptr};
  TimestepEmbedding time_embedder{nullptr};
  nn::SiLU act_fn{nullptr};
  nn::Linear time_proj{nullptr};
  PixArtAlphaTextProjection text_embedder{nullptr};
};
FVHOOKS_MODULE(WanTimeTextImageEmbedding);

}  // namespace wan
