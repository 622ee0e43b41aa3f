#include "fvhooks/torch/tensor_view.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/ScalarType.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "torch/error_message.h"
#include "torch/span_of.h"

namespace fvhooks {
namespace {

using c10::ScalarType;
using internal::span_of;

constexpr std::array<std::pair<ScalarType, DType>, 15> kDTypes{{{ScalarType::Double, DType::Float64},
                                                                {ScalarType::Float, DType::Float32},
                                                                {ScalarType::Half, DType::Float16},
                                                                {ScalarType::BFloat16, DType::BFloat16},
                                                                {ScalarType::Float8_e4m3fn, DType::Float8E4M3FN},
                                                                {ScalarType::Float8_e5m2, DType::Float8E5M2},
                                                                {ScalarType::Long, DType::Int64},
                                                                {ScalarType::Int, DType::Int32},
                                                                {ScalarType::Short, DType::Int16},
                                                                {ScalarType::Char, DType::Int8},
                                                                {ScalarType::Byte, DType::UInt8},
                                                                {ScalarType::Bool, DType::Bool},
                                                                {ScalarType::ComplexHalf, DType::Complex32},
                                                                {ScalarType::ComplexFloat, DType::Complex64},
                                                                {ScalarType::ComplexDouble, DType::Complex128}}};

// A wrapper around another tensor (vmap, grad, functionalisation, a Python subclass such as FakeTensor) may have a
// storage that is not the elements.
bool is_wrapper(const at::Tensor& tensor) {
  const auto keys = tensor.key_set();
  return keys.has(c10::DispatchKey::FuncTorchBatched) || keys.has(c10::DispatchKey::FuncTorchGradWrapper) ||
         keys.has(c10::DispatchKey::Functionalize) || keys.has(c10::DispatchKey::Batched);
}

// Whether the storage holds every element: FSDP and others free it under the tensor.
bool has_all_elements(const at::Tensor& tensor) {
  if (tensor.numel() == 0) return true;
  std::int64_t last = tensor.storage_offset();
  for (std::int64_t i = 0; i < tensor.dim(); ++i) last += (tensor.size(i) - 1) * tensor.stride(i);
  return static_cast<std::size_t>(last + 1) * tensor.element_size() <= tensor.storage().nbytes();
}

at::Tensor on_cpu(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  const at::NoGradGuard no_grad;
  return tensor.to(c10::kCPU);
}

}  // namespace

std::string why_opaque(const at::Tensor& tensor) {
  if (tensor.is_nested()) return "a nested tensor has no one shape";
  if (tensor.layout() != c10::kStrided) return "a sparse tensor has no strides";
  if (tensor.is_meta()) return "a meta tensor has no values";
  if (is_wrapper(tensor)) return "a tensor inside a transform (vmap, grad, functionalize) has no values of its own";
  if (tensor.is_quantized() || !dtype_of(tensor.scalar_type()))
    return torch_dtype_name(tensor.scalar_type()) + " is not read";
  if (!tensor.has_storage()) return "a tensor without storage has no values";
  if (tensor.storage().device_type() == c10::kMeta) return "a fake tensor has no values";
  if (!has_all_elements(tensor)) return "its storage was freed";
  return {};
}

std::optional<DType> dtype_of(ScalarType type) noexcept {
  const auto* const found =
      std::find_if(kDTypes.begin(), kDTypes.end(), [&](const auto& entry) { return entry.first == type; });
  if (found == kDTypes.end()) return std::nullopt;
  return found->second;
}

ScalarType scalar_type_of(DType dtype) noexcept {
  const auto* const found =
      std::find_if(kDTypes.begin(), kDTypes.end(), [&](const auto& entry) { return entry.second == dtype; });
  return found->first;
}

std::string torch_dtype_name(ScalarType type) {
  if (const auto dtype = dtype_of(type)) return std::string(torch_name(*dtype));
  std::string name = c10::toString(type);  // "QInt8", "UInt16", "Float8_e4m3fnuz"
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return "torch." + name;
}

HostTensor::HostTensor(const at::Tensor& tensor) : tensor_(tensor) {
  try {
    dtype_name_ = torch_dtype_name(tensor.scalar_type());
    if (!tensor.is_nested()) sizes_ = span_of(tensor.sizes());
    reason_ = why_opaque(tensor);
    if (!reason_.empty()) return;
    tensor_ = on_cpu(tensor);
    sizes_ = span_of(tensor_.sizes());
    view_ = {.data = tensor_.const_data_ptr(),
             .dtype = *dtype_of(tensor_.scalar_type()),
             .sizes = sizes_,
             .strides = span_of(tensor_.strides()),
             .conjugate = tensor_.is_conj(),
             .negative = tensor_.is_neg()};
    if (!view_.data && view_.numel() > 0) reason_ = "a tensor without memory has no values";
  } catch (const std::exception& error) {
    reason_ = internal::message_of(error);
  }
}

}  // namespace fvhooks
