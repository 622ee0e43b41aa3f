#include "denoise.h"

#include <sstream>

#include "fvhooks/expected.h"
#include "fvhooks/step.h"
#include "tensors.h"

namespace wan {

DenoiseInputs read_inputs(const std::string& path) {
  const auto tensors = read_tensors(path);
  const auto get = [&](const char* name, std::int64_t dimensions) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) throw fvhooks::Exception(path + ": there is no tensor \"" + name + "\"");
    if (found->second.dim() != dimensions || !found->second.is_floating_point()) {
      std::ostringstream message;
      message << path << ": \"" << name << "\" should have " << dimensions << " dimensions of floating point, it is "
              << found->second.dtype() << " " << found->second.sizes();
      throw fvhooks::Exception(message.str());
    }
    return found->second;
  };
  DenoiseInputs inputs{get("latents", 5),   get("prompt_embeds", 3), get("negative_prompt_embeds", 3),
                       get("timesteps", 1), get("sigmas", 1),        get("guidance_scale", 0).item<double>(),
                       std::nullopt};
  if (tensors.contains("context_len")) inputs.context_len = get("context_len", 0).item<std::int64_t>();
  if (inputs.sigmas.size(0) != inputs.timesteps.size(0) + 1)
    throw fvhooks::Exception(path + ": there must be one sigma more than timesteps");
  return inputs;
}

Tensor Denoiser::operator()(WanTransformer3DModel& model, const DenoiseInputs& inputs, torch::ScalarType dtype,
                            const std::function<void(std::int64_t step)>& finished) {
  auto latents = inputs.latents;
  const auto prompt_embeds = inputs.prompt_embeds.to(dtype);
  const auto negative_prompt_embeds = inputs.negative_prompt_embeds.to(dtype);

  for (std::int64_t step = 0; step < inputs.timesteps.size(0); ++step) {
    const fvhooks::TraceStep trace_step(step);
    const auto now = timestep(inputs, step).expand({latents.size(0)});
    const auto model_input = latents.to(dtype);

    const auto [cond, uncond] = predict_both(model, model_input, now, prompt_embeds, negative_prompt_embeds);
    const auto noise = guide(cond, uncond, inputs.guidance_scale).to(torch::kFloat32);

    latents = advance(latents, noise, inputs.sigmas[step].item<double>(), inputs.sigmas[step + 1].item<double>());
    finished(step);
  }
  return latents;
}

Tensor Denoiser::timestep(const DenoiseInputs& inputs, std::int64_t step) { return inputs.timesteps[step]; }

Tensor Denoiser::predict(WanTransformer3DModel& model, const Tensor& latents, const Tensor& timestep,
                         const Tensor& embeds) {
  return model(latents, timestep, embeds).sample;
}

Predictions Denoiser::predict_both(WanTransformer3DModel& model, const Tensor& latents, const Tensor& timestep,
                                   const Tensor& embeds, const Tensor& negative_embeds) {
  const auto cond = predict(model, latents, timestep, embeds);
  return {cond, predict(model, latents, timestep, negative_embeds)};
}

Tensor Denoiser::guide(const Tensor& cond, const Tensor& uncond, double guidance_scale) {
  return uncond + guidance_scale * (cond - uncond);
}

Tensor Denoiser::advance(const Tensor& latents, const Tensor& noise, double sigma, double next_sigma) {
  return latents + (next_sigma - sigma) * noise;
}

}  // namespace wan
