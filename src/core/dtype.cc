#include "fvhooks/dtype.h"

#include <array>

namespace fvhooks {
namespace {

struct DTypeInfo {
  DType dtype;
  std::string_view name;
  std::size_t size;
  bool integral;
  bool complex;
  double epsilon;
};

// In the order of the enumeration.
constexpr std::array<DTypeInfo, 15> kTypes{{
    {DType::Float64, "torch.float64", 8, false, false, 0x1p-52},
    {DType::Float32, "torch.float32", 4, false, false, 0x1p-23},
    {DType::Float16, "torch.float16", 2, false, false, 0x1p-10},
    {DType::BFloat16, "torch.bfloat16", 2, false, false, 0x1p-7},
    {DType::Float8E4M3FN, "torch.float8_e4m3fn", 1, false, false, 0x1p-3},
    {DType::Float8E5M2, "torch.float8_e5m2", 1, false, false, 0x1p-2},
    {DType::Int64, "torch.int64", 8, true, false, 0},
    {DType::Int32, "torch.int32", 4, true, false, 0},
    {DType::Int16, "torch.int16", 2, true, false, 0},
    {DType::Int8, "torch.int8", 1, true, false, 0},
    {DType::UInt8, "torch.uint8", 1, true, false, 0},
    {DType::Bool, "torch.bool", 1, true, false, 0},
    {DType::Complex32, "torch.complex32", 4, false, true, 0x1p-10},
    {DType::Complex64, "torch.complex64", 8, false, true, 0x1p-23},
    {DType::Complex128, "torch.complex128", 16, false, true, 0x1p-52},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTypes.size(); ++i)
    if (static_cast<std::size_t>(kTypes[i].dtype) != i) return false;
  return true;
}
static_assert(in_order(), "kTypes is indexed by DType");

const DTypeInfo& info(DType dtype) noexcept { return kTypes[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::string_view torch_name(DType dtype) noexcept { return info(dtype).name; }

std::optional<DType> dtype_from_torch_name(std::string_view name) noexcept {
  for (const auto& type : kTypes)
    if (type.name == name) return type.dtype;
  return std::nullopt;
}

std::size_t item_size(DType dtype) noexcept { return info(dtype).size; }
bool is_integral(DType dtype) noexcept { return info(dtype).integral; }
bool is_complex(DType dtype) noexcept { return info(dtype).complex; }
double epsilon(DType dtype) noexcept { return info(dtype).epsilon; }

}  // namespace fvhooks
