#include "tensor_diff/decode.h"

#include <cstring>
#include <utility>

#include "stats/element.h"

namespace fvhooks::internal {
namespace {

DType part_of(DType dtype) {
  switch (dtype) {
    case DType::Complex32:
      return DType::Float16;
    case DType::Complex64:
      return DType::Float32;
    case DType::Complex128:
      return DType::Float64;
    default:
      return dtype;
  }
}

std::vector<std::int64_t> real_sizes(const TensorView& tensor) {
  std::vector<std::int64_t> sizes(tensor.sizes.begin(), tensor.sizes.end());
  if (is_complex(tensor.dtype)) sizes.push_back(2);
  return sizes;
}

std::vector<std::int64_t> real_strides(const TensorView& tensor) {
  std::vector<std::int64_t> strides(tensor.strides.begin(), tensor.strides.end());
  if (!is_complex(tensor.dtype)) return strides;
  for (auto& stride : strides) stride *= 2;
  strides.push_back(1);
  return strides;
}

template <class Stored>
auto loaded(const std::byte* stored, std::size_t i) {
  Stored value;
  std::memcpy(&value, stored + i * sizeof(Stored), sizeof(Stored));
  return value;
}

template <class Stored>
void decode_integers(const std::byte* stored, std::size_t count, auto& to) {
  for (std::size_t i = 0; i < count; ++i)
    to[i] = static_cast<std::remove_reference_t<decltype(to[i])>>(loaded<Stored>(stored, i));
}

template <class Stored>
void decode_floats(const std::byte* stored, std::size_t count, NumberTile& to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<double>(element(loaded<Stored>(stored, i)));
}

// True if the dtype is integral.
bool decode_if_integral(DType dtype, const std::byte* stored, std::size_t count, auto& to) {
  switch (dtype) {
    case DType::Int64:
      return decode_integers<std::int64_t>(stored, count, to), true;
    case DType::Int32:
      return decode_integers<std::int32_t>(stored, count, to), true;
    case DType::Int16:
      return decode_integers<std::int16_t>(stored, count, to), true;
    case DType::Int8:
      return decode_integers<std::int8_t>(stored, count, to), true;
    case DType::UInt8:
    case DType::Bool:
      return decode_integers<std::uint8_t>(stored, count, to), true;
    default:
      return false;
  }
}

}  // namespace

RealTensor::RealTensor(const TensorView& tensor)
    : dtype_(part_of(tensor.dtype)),
      sizes_(real_sizes(tensor)),
      strides_(real_strides(tensor)),
      gather_(TensorView{tensor.data, dtype_, sizes_, strides_}) {}

void RealTensor::numbers(std::uint64_t first, std::size_t count, NumberTile& numbers) {
  const auto* const stored = gather_.tile(first, count, scratch_);
  if (decode_if_integral(dtype_, stored, count, numbers)) return;
  switch (dtype_) {
    case DType::Float64:
      return decode_floats<double>(stored, count, numbers);
    case DType::Float32:
      return decode_floats<float>(stored, count, numbers);
    case DType::Float16:
      return decode_floats<Half>(stored, count, numbers);
    case DType::BFloat16:
      return decode_floats<BrainFloat>(stored, count, numbers);
    case DType::Float8E4M3FN:
      return decode_floats<Float8E4M3FN>(stored, count, numbers);
    default:
      return decode_floats<Float8E5M2>(stored, count, numbers);
  }
}

void RealTensor::integers(std::uint64_t first, std::size_t count, IntegerTile& integers) {
  decode_if_integral(dtype_, gather_.tile(first, count, scratch_), count, integers);
}

}  // namespace fvhooks::internal
