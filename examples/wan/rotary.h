#pragma once
// Rotary position embedding over frames, height and width.
#include <array>
#include <tuple>

#include "fvhooks/torch/nn.h"

namespace wan {

using torch::Tensor;

// Cosines and sines, each [1, tokens, 1, attention_head_dim], every value twice: for both elements of its pair.
using RotaryEmbedding = std::tuple<Tensor, Tensor>;

// Cosines and sines of `length` positions times dim/2 frequencies, each [length, dim], every value twice.
std::tuple<Tensor, Tensor> get_1d_rotary_pos_embed(std::int64_t dim, std::int64_t length, double theta);

class WanRotaryPosEmbedImpl : public torch::nn::Module {
 public:
  WanRotaryPosEmbedImpl(std::int64_t attention_head_dim, std::array<std::int64_t, 3> patch_size,
                        std::int64_t max_seq_len, double theta = 10000.0);
  RotaryEmbedding forward(const Tensor& hidden_states);

 private:
  std::array<std::int64_t, 3> patch_size_;
  std::int64_t h_dim_, w_dim_, t_dim_;  // how an attention head is divided among height, width and frames
  Tensor freqs_cos_, freqs_sin_;        // [max_seq_len, t_dim + h_dim + w_dim]
};
FVHOOKS_MODULE(WanRotaryPosEmbed);

}  // namespace wan
