#pragma once
// A torch tensor as the torch-free parts see it.
#include <ATen/core/Tensor.h>

#include <optional>
#include <span>
#include <string>

#include "fvhooks/tensor_view.h"

namespace fvhooks {

std::optional<DType> dtype_of(c10::ScalarType type) noexcept;  // nullopt: not read
c10::ScalarType scalar_type_of(DType dtype) noexcept;
std::string torch_dtype_name(c10::ScalarType type);            // "torch.float32", also of types that are not read

// Why its elements cannot be read, wherever they are, for the record; empty if they can.
std::string why_opaque(const at::Tensor& tensor);

// Keeps a tensor's memory readable: the tensor's own for a dense tensor on the CPU, else a copy of it there. A tensor
// without readable elements (meta, sparse, quantised, nested, batched by vmap, fake, freed) is opaque. Neither throws
// for it nor records anything for autograd.
class HostTensor {
 public:
  explicit HostTensor(const at::Tensor& tensor);  // precondition: defined
  HostTensor(const HostTensor&) = delete;
  HostTensor& operator=(const HostTensor&) = delete;

  // Null if opaque. Valid while this lives, and while the tensor is not resized.
  const TensorView* view() const noexcept { return reason_.empty() ? &view_ : nullptr; }

  // Why it is opaque, for the record; empty if it is not.
  const std::string& reason() const noexcept { return reason_; }
  const std::string& dtype_name() const noexcept { return dtype_name_; }
  std::span<const std::int64_t> sizes() const noexcept { return sizes_; }  // empty if the tensor has none to tell

 private:
  at::Tensor tensor_;
  std::string reason_;
  std::string dtype_name_;
  std::span<const std::int64_t> sizes_;
  TensorView view_;
};

}  // namespace fvhooks
