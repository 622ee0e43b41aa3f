// Rotary position embedding: its angles, and how they are applied.
#include "bugs.h"
#include "processors.h"

namespace wan {
namespace {

// Turns the pairs (0, d/2), (1, d/2 + 1), … of a head, as GPT-NeoX and Llama do, in place of (0, 1), (2, 3), …
class Half : public WanAttnProcessor {
  Tensor apply_rotary_emb(const Tensor& hidden_states, const RotaryEmbedding& rotary_emb) const override {
    const auto& [freqs_cos, freqs_sin] = rotary_emb;
    const auto once = [](const Tensor& freqs) { return freqs.slice(/*dim=*/-1, 0, std::nullopt, /*step=*/2); };
    const auto cos = once(freqs_cos), sin = once(freqs_sin);
    const auto halves = hidden_states.chunk(2, /*dim=*/-1);
    const auto &x1 = halves[0], &x2 = halves[1];
    return torch::cat({x1 * cos - x2 * sin, x1 * sin + x2 * cos}, /*dim=*/-1).type_as(hidden_states);
  }
};

class OtherWay : public WanAttnProcessor {
  Tensor apply_rotary_emb(const Tensor& hidden_states, const RotaryEmbedding& rotary_emb) const override {
    const auto& [freqs_cos, freqs_sin] = rotary_emb;
    return WanAttnProcessor::apply_rotary_emb(hidden_states, {freqs_cos, -freqs_sin});
  }
};

// x1 is a view of what has been written over when the second line reads it.
class InPlace : public WanAttnProcessor {
  Tensor apply_rotary_emb(const Tensor& hidden_states, const RotaryEmbedding& rotary_emb) const override {
    const auto& [freqs_cos, freqs_sin] = rotary_emb;
    const auto even = [](const Tensor& tensor) { return tensor.slice(/*dim=*/-1, 0, std::nullopt, /*step=*/2); };
    const auto odd = [](const Tensor& tensor) { return tensor.slice(/*dim=*/-1, 1, std::nullopt, /*step=*/2); };
    const auto out = hidden_states.clone();
    const auto x1 = even(out), x2 = odd(out);
    x1.copy_(x1 * even(freqs_cos) - x2 * odd(freqs_sin));
    x2.copy_(x1 * odd(freqs_sin) + x2 * even(freqs_cos));
    return out;
  }
};

class QueryOnly : public WanAttnProcessor {
  void rotate(QueryKeyValue& heads, const RotaryEmbedding& rotary_emb) const override {
    heads.query = apply_rotary_emb(heads.query, rotary_emb);
  }
};

struct Axes {
  explicit Axes(std::int64_t head_dim) : height(2 * (head_dim / 6)), width(height), frames(head_dim - height - width) {}
  std::int64_t height, width, frames;
};

void reverse_axes(Port& port) {
  const Axes axes(port.model.config().attention_head_dim);
  port.module_returns_changed(*port.model.rope, [axes](fvhooks::ValueRef output) {
    output.walk("", [&](Tensor& freqs, const fvhooks::Label&) {
      const auto parts = freqs.split_with_sizes({axes.frames, axes.height, axes.width}, /*dim=*/-1);
      freqs = torch::cat({parts[2], parts[1], parts[0]}, /*dim=*/-1);
    });
  });
}

// Sets the tables of the rotary embedding: positions are a vector, one for each row.
void set_tables(Port& port, const Tensor& positions, double theta, torch::ScalarType dtype) {
  const Axes axes(port.model.config().attention_head_dim);
  std::vector<Tensor> angles;
  for (const auto dim : {axes.frames, axes.height, axes.width}) {
    const auto freqs = 1.0 / torch::pow(theta, torch::arange(0, dim, 2, torch::kFloat64) / dim);
    angles.push_back(torch::outer(positions.to(dtype), freqs.to(dtype)).repeat_interleave(2, /*dim=*/1));
  }
  auto buffers = port.model.rope->named_buffers();
  buffers["freqs_cos"].copy_(torch::cat(angles, /*dim=*/1).cos());
  buffers["freqs_sin"].copy_(torch::cat(angles, /*dim=*/1).sin());
}

constexpr double kTheta = 10000.0;
Tensor positions(const Port& port) { return torch::arange(port.model.config().rope_max_seq_len); }

constexpr Planting kBugs[] = {
    {"rope-half", "rotary embedding is applied to halves of a head instead of interleaved pairs", &set_attn1<Half>},
    {"rope-sign", "rotary embedding turns the other way: the sign of its sines", &set_attn1<OtherWay>},
    {"rope-in-place", "rotary embedding writes over the halves that it still reads", &set_attn1<InPlace>},
    {"rope-query-only", "keys are not rotated", &set_attn1<QueryOnly>},
    {"rope-axes", "frames, height and width share out a head in the wrong order", &reverse_axes},
    {"rope-bf16", "angles of the rotary embedding are computed in bfloat16",
     [](Port& port) { set_tables(port, positions(port), kTheta, torch::kBFloat16); }},
    {"rope-theta", "another base of the rotary frequencies (256, as HunyuanVideo's)",
     [](Port& port) { set_tables(port, positions(port), 256.0, torch::kFloat64); }},
    {"rope-offset", "rotary positions are late by one: 0, 0, 1, 2, …",
     [](Port& port) { set_tables(port, (positions(port) - 1).clamp_min(0), kTheta, torch::kFloat64); }},
};

}  // namespace

std::span<const Planting> rotary_bugs() { return kBugs; }

}  // namespace wan
