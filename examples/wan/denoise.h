#pragma once
// A denoising loop with classifier-free guidance: flow matching, Euler steps. reference.py has the same.
#include <functional>
#include <optional>
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
  std::optional<std::int64_t> context_len;  // how many text tokens are no padding, if padding is to be masked
};

// Throws fvhooks::Exception that names the file and the tensor that is missing or misshapen.
DenoiseInputs read_inputs(const std::string& path);

struct Predictions {
  Tensor cond, uncond;
};

class Denoiser {
 public:
  virtual ~Denoiser() = default;

  // Returns the denoised latents, float32. The model runs in `dtype`; `finished(step)` is called after each step, from
  // 0.
  Tensor operator()(WanTransformer3DModel& model, const DenoiseInputs& inputs, torch::ScalarType dtype,
                    const std::function<void(std::int64_t step)>& finished);

 protected:
  virtual Tensor timestep(const DenoiseInputs& inputs, std::int64_t step);
  virtual Tensor predict(WanTransformer3DModel& model, const Tensor& latents, const Tensor& timestep,
                         const Tensor& embeds);
  // With the prompt and with the negative prompt: two passes.
  virtual Predictions predict_both(WanTransformer3DModel& model, const Tensor& latents, const Tensor& timestep,
                                   const Tensor& embeds, const Tensor& negative_embeds);
  virtual Tensor guide(const Tensor& cond, const Tensor& uncond, double guidance_scale);
  virtual Tensor advance(const Tensor& latents, const Tensor& noise, double sigma, double next_sigma);
};

}  // namespace wan
