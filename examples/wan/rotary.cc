#include "rotary.h"

namespace wan {

std::tuple<Tensor, Tensor> get_1d_rotary_pos_embed(std::int64_t dim, std::int64_t length, double theta) {
  // Angles in float64: at position 1000, float32 would leave them four digits.
  const auto exponents = torch::arange(0, dim, 2, torch::kFloat64) / dim;
  const auto freqs = torch::outer(torch::arange(length), 1.0 / torch::pow(theta, exponents));
  const auto for_both_of_a_pair = [](const Tensor& values) {
    return values.repeat_interleave(2, /*dim=*/1).to(torch::kFloat32);
  };
  return {for_both_of_a_pair(freqs.cos()), for_both_of_a_pair(freqs.sin())};
}

WanRotaryPosEmbedImpl::WanRotaryPosEmbedImpl(std::int64_t attention_head_dim, std::array<std::int64_t, 3> patch_size,
                                             std::int64_t max_seq_len, double theta)
    : patch_size_(patch_size),
      h_dim_(2 * (attention_head_dim / 6)),
      w_dim_(h_dim_),
      t_dim_(attention_head_dim - h_dim_ - w_dim_) {
  std::vector<Tensor> freqs_cos, freqs_sin;
  for (const auto dim : {t_dim_, h_dim_, w_dim_}) {
    const auto [cos, sin] = get_1d_rotary_pos_embed(dim, max_seq_len, theta);
    freqs_cos.push_back(cos);
    freqs_sin.push_back(sin);
  }
  freqs_cos_ = register_buffer("freqs_cos", torch::cat(freqs_cos, /*dim=*/1));
  freqs_sin_ = register_buffer("freqs_sin", torch::cat(freqs_sin, /*dim=*/1));
}

RotaryEmbedding WanRotaryPosEmbedImpl::forward(const Tensor& hidden_states) {
  const auto ppf = hidden_states.size(2) / patch_size_[0];
  const auto pph = hidden_states.size(3) / patch_size_[1];
  const auto ppw = hidden_states.size(4) / patch_size_[2];

  const auto on_the_grid = [&](const Tensor& freqs) {
    const auto split = freqs.split_with_sizes({t_dim_, h_dim_, w_dim_}, /*dim=*/1);
    const auto freqs_f = split[0].slice(0, 0, ppf).view({ppf, 1, 1, -1}).expand({ppf, pph, ppw, -1});
    const auto freqs_h = split[1].slice(0, 0, pph).view({1, pph, 1, -1}).expand({ppf, pph, ppw, -1});
    const auto freqs_w = split[2].slice(0, 0, ppw).view({1, 1, ppw, -1}).expand({ppf, pph, ppw, -1});
    return torch::cat({freqs_f, freqs_h, freqs_w}, /*dim=*/-1).reshape({1, ppf * pph * ppw, 1, -1});
  };
  return {on_the_grid(freqs_cos_), on_the_grid(freqs_sin_)};
}

}  // namespace wan
