#include "tensors.h"

#include <torch/types.h>

#include <array>
#include <cstring>
#include <deque>
#include <vector>

#include "fvhooks/torch/tensor_view.h"

namespace wan {
namespace {

c10::ScalarType scalar_type(fvhooks::DType dtype) {
  for (int i = 0; i < static_cast<int>(c10::ScalarType::NumOptions); ++i) {
    const auto type = static_cast<c10::ScalarType>(i);
    if (fvhooks::dtype_of(type) == dtype) return type;
  }
  throw fvhooks::Exception("torch has no " + std::string(fvhooks::torch_name(dtype)));
}

}  // namespace

at::Tensor tensor_of(std::shared_ptr<const fvhooks::SafetensorsFile> file, const fvhooks::SafetensorsEntry& entry) {
  const auto type = scalar_type(entry.dtype);
  const auto bytes = file->bytes(entry);
  if (bytes.empty()) return torch::empty(entry.sizes, type);
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % fvhooks::item_size(entry.dtype) != 0) {
    auto copy = torch::empty(entry.sizes, type);
    std::memcpy(copy.data_ptr(), bytes.data(), bytes.size());
    return copy;
  }
  // The mapping is private, so that a write to the tensor stays in this process.
  auto* const data = const_cast<std::byte*>(bytes.data());
  return torch::from_blob(data, entry.sizes, [file = std::move(file)](void*) {}, type);
}

std::map<std::string, at::Tensor> read_tensors(const std::string& path) {
  const auto file = std::make_shared<const fvhooks::SafetensorsFile>(fvhooks::SafetensorsFile::open(path).value());
  std::map<std::string, at::Tensor> tensors;
  for (const auto& entry : file->entries()) tensors.emplace(entry.name, tensor_of(file, entry));
  return tensors;
}

void write_tensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors) {
  std::deque<fvhooks::HostTensor> memory;
  std::vector<fvhooks::SafetensorsTensor> views;
  for (const auto& [name, tensor] : tensors) {
    const auto& host = memory.emplace_back(tensor.resolve_conj().resolve_neg().contiguous());
    if (!host.view()) throw fvhooks::Exception(path + ": cannot write tensor \"" + name + "\": " + host.reason());
    views.push_back({name, *host.view()});
  }
  fvhooks::write_safetensors(path, views).value();
}

}  // namespace wan
