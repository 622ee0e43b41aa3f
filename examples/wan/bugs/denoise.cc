// The loop that calls the transformer: prompts, timesteps, guidance, scheduler.
#include "../denoise.h"

#include "bugs.h"

namespace wan {
namespace {

class GuidanceReversed : public Denoiser {
  Tensor guide(const Tensor& cond, const Tensor& uncond, double guidance_scale) override {
    return Denoiser::guide(uncond, cond, guidance_scale);
  }
};

class TimestepTruncated : public Denoiser {
  Tensor timestep(const DenoiseInputs& inputs, std::int64_t step) override {
    return Denoiser::timestep(inputs, step).floor();
  }
};

class TimestepStale : public Denoiser {
  Tensor timestep(const DenoiseInputs& inputs, std::int64_t step) override {
    return Denoiser::timestep(inputs, std::max<std::int64_t>(step - 1, 0));
  }
};

class SigmaForTimestep : public Denoiser {
  Tensor timestep(const DenoiseInputs& inputs, std::int64_t step) override {
    return Denoiser::timestep(inputs, step) / 1000;
  }
};

// Both predictions are held in one buffer.
class PredictionOverwritten : public Denoiser {
  Tensor predict(WanTransformer3DModel& model, const Tensor& latents, const Tensor& timestep,
                 const Tensor& embeds) override {
    const auto prediction = Denoiser::predict(model, latents, timestep, embeds);
    if (!buffer_.defined()) buffer_ = torch::empty_like(prediction);
    return buffer_.copy_(prediction);
  }
  Tensor buffer_;
};

class LatentsInBFloat16 : public Denoiser {
  Tensor advance(const Tensor& latents, const Tensor& noise, double sigma, double next_sigma) override {
    return Denoiser::advance(latents, noise, sigma, next_sigma).to(torch::kBFloat16).to(torch::kFloat32);
  }
};

class NoiseAdded : public Denoiser {
  Tensor advance(const Tensor& latents, const Tensor& noise, double sigma, double next_sigma) override {
    return Denoiser::advance(latents, noise, next_sigma, sigma);
  }
};

template <class Buggy>
void set_denoiser(Port& port) {
  port.denoiser = std::make_unique<Buggy>();
}

constexpr Planting kBugs[] = {
    {"prompts-swapped", "the negative prompt is passed first",
     [](Port& port) { std::swap(port.inputs.prompt_embeds, port.inputs.negative_prompt_embeds); }},
    {"negative-prompt-zero", "the negative prompt is all zeros",
     [](Port& port) { port.inputs.negative_prompt_embeds = torch::zeros_like(port.inputs.negative_prompt_embeds); }},
    {"text-padding-set", "what pads the text is not zero",
     [](Port& port) {
       const auto padding = port.inputs.prompt_embeds.slice(/*dim=*/1, port.inputs.context_len.value());
       padding.copy_(port.inputs.prompt_embeds.slice(/*dim=*/1, 0, padding.size(1)));
     }},
    {"latents-unscaled", "latents lack the factor that the autoencoder's were divided by",
     [](Port& port) { port.inputs.latents = port.inputs.latents * 0.5; }},
    {"guidance-reversed", "guidance leads from the prompt to the negative prompt", &set_denoiser<GuidanceReversed>},
    {"prediction-overwritten", "the second prediction is written over the first", &set_denoiser<PredictionOverwritten>},
    {"timestep-sigma", "the timestep runs from 1 in place of 1000", &set_denoiser<SigmaForTimestep>},
    {"timestep-truncated", "the timestep is cut off to an integer", &set_denoiser<TimestepTruncated>},
    {"timestep-stale", "the timestep is that of the step before", &set_denoiser<TimestepStale>},
    {"latents-bf16", "latents are kept in bfloat16 between steps", &set_denoiser<LatentsInBFloat16>},
    {"noise-added", "the scheduler's step has the wrong sign", &set_denoiser<NoiseAdded>},
};

}  // namespace

std::span<const Planting> denoise_bugs() { return kBugs; }

}  // namespace wan
