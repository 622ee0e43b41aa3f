// Embeddings of timestep and text.
#include <cmath>

#include "bugs.h"

namespace wan {
namespace {

void flip_sin_and_cos(Port& port) {
  port.module_returns(*port.model.condition_embedder->timesteps_proj, [](const Tensor&, const Tensor& output) {
    const auto halves = output.chunk(2, /*dim=*/-1);
    return torch::cat({halves[1], halves[0]}, /*dim=*/-1);
  });
}

void shift_frequencies(Port& port) {
  port.module_returns(*port.model.condition_embedder->timesteps_proj, [](const Tensor& timestep, const Tensor& output) {
    const auto half = output.size(-1) / 2;
    const auto exponent = -std::log(10000.0) * torch::arange(0, half, torch::kFloat32) / (half - 1);
    const auto angles = timestep.unsqueeze(1).to(torch::kFloat32) * torch::exp(exponent).unsqueeze(0);
    return torch::cat({torch::cos(angles), torch::sin(angles)}, /*dim=*/-1);
  });
}

void round_timestep(Port& port) {
  port.caller_passes(*port.model.condition_embedder->timesteps_proj, [](fvhooks::ValueRef args) {
    auto& timestep = *args[0].get<Tensor>();
    timestep = timestep.to(torch::kBFloat16);
  });
}

void skip_activation(Port& port) {
  port.caller_uses(*port.model.condition_embedder->act_fn, [](const Tensor& temb, const Tensor&) { return temb; });
}

void keep_first_embedding(Port& port) {
  using Embeddings = std::tuple<Tensor, Tensor, Tensor>;
  port.module_returns_changed(*port.model.condition_embedder,
                              [first = std::optional<Embeddings>()](fvhooks::ValueRef output) mutable {
                                auto& [temb, timestep_proj, text] = *output.get<Embeddings>();
                                if (!first) first = {temb, timestep_proj, text};
                                temb = std::get<0>(*first);
                                timestep_proj = std::get<1>(*first);
                              });
}

constexpr Planting kBugs[] = {
    {"timestep-flipped", "the timestep's embedding has sines before cosines", &flip_sin_and_cos},
    {"timestep-frequency-shift", "frequencies of the timestep's embedding fall faster: downscale_freq_shift of 1",
     &shift_frequencies},
    {"timestep-bf16", "the timestep is rounded to bfloat16 before it is embedded", &round_timestep},
    {"time-embedder-bf16", "the time embedder works in bfloat16 where the reference keeps float32",
     [](Port& port) { port.model.condition_embedder->time_embedder->to(torch::kBFloat16); }},
    {"time-silu-missing", "the timestep's embedding is projected without SiLU", &skip_activation},
    {"time-embedding-cached", "the timestep's embedding of the first step is kept", &keep_first_embedding},
    {"text-activation", "SiLU in place of GELU in the text's projection",
     [](Port& port) {
       port.module_returns(*port.model.condition_embedder->text_embedder->act_1,
                           [](const Tensor& input, const Tensor&) { return torch::silu(input); });
     }},
};

}  // namespace

std::span<const Planting> embedding_bugs() { return kBugs; }

}  // namespace wan
