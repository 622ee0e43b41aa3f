#pragma once
// Element types of tensors, named as torch names them.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fvhooks {

enum class DType : std::uint8_t {
  Float64,
  Float32,
  Float16,
  BFloat16,
  Float8E4M3FN,
  Float8E5M2,
  Int64,
  Int32,
  Int16,
  Int8,
  UInt8,
  Bool,
  Complex32,   // two Float16
  Complex64,   // two Float32
  Complex128,  // two Float64
};

// "torch.float32"
std::string_view torch_name(DType dtype) noexcept;
std::optional<DType> dtype_from_torch_name(std::string_view name) noexcept;

// Bytes of one element.
std::size_t item_size(DType dtype) noexcept;

bool is_integral(DType dtype) noexcept;  // integers and bool
bool is_complex(DType dtype) noexcept;

// Machine epsilon: distance from 1 to the next number (2^-23 for Float32); 0 for integers. For complex types, of a
// part.
double epsilon(DType dtype) noexcept;

}  // namespace fvhooks
