#include "bugs.h"

#include <algorithm>
#include <array>

#include "fvhooks/expected.h"

namespace wan {
namespace {

// Turns the pairs (0, d/2), (1, d/2 + 1), … of a head, as GPT-NeoX and Llama do, in place of (0, 1), (2, 3), …
class RopeHalf : public WanAttnProcessor {
  Tensor apply_rotary_emb(const Tensor& hidden_states, const RotaryEmbedding& rotary_emb) const override {
    const auto& [freqs_cos, freqs_sin] = rotary_emb;
    const auto once = [](const Tensor& freqs) { return freqs.slice(/*dim=*/-1, 0, std::nullopt, /*step=*/2); };
    const auto cos = once(freqs_cos), sin = once(freqs_sin);
    const auto halves = hidden_states.chunk(2, /*dim=*/-1);
    const auto &x1 = halves[0], &x2 = halves[1];
    return torch::cat({x1 * cos - x2 * sin, x1 * sin + x2 * cos}, /*dim=*/-1).type_as(hidden_states);
  }
};

template <class Processor>
void set_self_attention_processor(WanTransformer3DModelImpl& model) {
  for (auto& block : model.blocks) block->attn1->set_processor(std::make_shared<Processor>());
}

constexpr std::array kBugs = {
    Bug{"rope-half", "rotary embedding is applied to halves of a head instead of interleaved pairs",
        &set_self_attention_processor<RopeHalf>},
};

}  // namespace

std::span<const Bug> all_bugs() { return kBugs; }

void plant_bug(WanTransformer3DModelImpl& model, std::string_view name) {
  const auto bug = std::ranges::find(kBugs, name, &Bug::name);
  if (bug == kBugs.end()) {
    std::string names;
    for (const auto& known : kBugs) names += " " + std::string(known.name);
    throw fvhooks::Exception("there is no bug named \"" + std::string(name) + "\"; there are:" + names);
  }
  bug->plant(model);
}

}  // namespace wan
