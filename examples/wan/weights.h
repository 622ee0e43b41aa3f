#pragma once
#include <string>

#include "transformer.h"

namespace wan {

// The index or the one file of the weights in `folder`.
std::string checkpoint_path(const std::string& folder);

// Sets the model's parameters from `folder`, as diffusers' from_pretrained(torch_dtype=dtype) does: in a bfloat16 model
// the time embedder, the scale and shift tables and norm1 to norm3 stay in float32. A parameter that is stored in the
// dtype asked for is not copied: its memory is the mapped file's.
//
// Reads diffusion_pytorch_model.safetensors, or the shards that diffusion_pytorch_model.safetensors.index.json lists.
// Throws fvhooks::Exception that lists the names that are missing, not expected, or of another shape or kind.
void load_weights(WanTransformer3DModelImpl& model, const std::string& folder, torch::ScalarType dtype);

}  // namespace wan
