#pragma once
// The hyperparameters of a Wan 2.1 text-to-video transformer, as diffusers' config.json has them.
#include <array>
#include <cstdint>
#include <string>

namespace wan {

struct WanConfig {
  std::array<std::int64_t, 3> patch_size = {1, 2, 2};  // frames, height, width
  std::int64_t num_attention_heads = 40;
  std::int64_t attention_head_dim = 128;
  std::int64_t in_channels = 16;
  std::int64_t out_channels = 16;
  std::int64_t text_dim = 4096;
  std::int64_t freq_dim = 256;
  std::int64_t ffn_dim = 13824;
  std::int64_t num_layers = 40;
  bool cross_attn_norm = true;
  double eps = 1e-6;
  std::int64_t rope_max_seq_len = 1024;

  std::int64_t inner_dim() const noexcept { return num_attention_heads * attention_head_dim; }
};

// Throws fvhooks::Exception for a file that cannot be read, for values that make no model, and for image-to-video
// models.
WanConfig read_config(const std::string& path);

}  // namespace wan
