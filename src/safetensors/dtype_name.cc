#include "safetensors/dtype_name.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace fvhooks::internal {
namespace {

struct Named {
  DType dtype;
  std::string_view name;
};

constexpr std::array kInFileOrder = {
    Named{DType::Int64, "I64"},          Named{DType::Float64, "F64"}, Named{DType::Complex64, "C64"},
    Named{DType::Float32, "F32"},        Named{DType::Int32, "I32"},   Named{DType::BFloat16, "BF16"},
    Named{DType::Float16, "F16"},        Named{DType::Int16, "I16"},   Named{DType::Float8E4M3FN, "F8_E4M3"},
    Named{DType::Float8E5M2, "F8_E5M2"}, Named{DType::Int8, "I8"},     Named{DType::UInt8, "U8"},
    Named{DType::Bool, "BOOL"},
};

auto find(DType dtype) noexcept { return std::ranges::find(kInFileOrder, dtype, &Named::dtype); }

}  // namespace

std::string_view safetensors_name(DType dtype) noexcept {
  const auto found = find(dtype);
  return found == kInFileOrder.end() ? std::string_view() : found->name;
}

std::optional<DType> dtype_from_safetensors_name(std::string_view name) noexcept {
  const auto found = std::ranges::find(kInFileOrder, name, &Named::name);
  if (found == kInFileOrder.end()) return std::nullopt;
  return found->dtype;
}

int order_in_file(DType dtype) noexcept { return static_cast<int>(std::distance(kInFileOrder.begin(), find(dtype))); }

}  // namespace fvhooks::internal
