#pragma once
// A denoising loop with classifier-free guidance: flow matching, Euler steps. reference.py has the same.
#include <functional>
#include <string>

#include "transformer.h"

namespace wan {

struct DenoiseInputs {
  Tensor latents;                 // [1, in_channels, frames, height, width], float32
  Tensor prompt_embeds;           // [1, text tokens, text_dim]
  Tensor negative_prompt_embeds;  // the same shape
  Tensor timesteps;               // [steps], float32
  Tensor sigmas;                  // [steps + 1], float32
  double guidance_scale;
};

// Throws fvhooks::Exception that names the file and the tensor that is missing or misshapen.
DenoiseInputs read_inputs(const std::string& path);

// Returns the denoised latents, float32. The model runs in `dtype`; `finished(step)` is called after each step, from 0.
Tensor denoise(WanTransformer3DModel& model, const DenoiseInputs& inputs, torch::ScalarType dtype,
               const std::function<void(std::int64_t step)>& finished);

}  // namespace wan
