#pragma once
// Torch tensors in safetensors files.
#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>

#include "fvhooks/safetensors.h"

namespace wan {

// The tensor of an entry, which keeps the file mapped. Its memory is the mapping's own where that is aligned.
at::Tensor tensor_of(std::shared_ptr<const fvhooks::SafetensorsFile> file, const fvhooks::SafetensorsEntry& entry);

// Both throw fvhooks::Exception.
std::map<std::string, at::Tensor> read_tensors(const std::string& path);
void write_tensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors);

}  // namespace wan
