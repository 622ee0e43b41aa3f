#pragma once
// Tensors that tests make, and comparison of results bit by bit.
#include <algorithm>
#include <bit>
#include <cstring>
#include <ostream>
#include <tuple>
#include <utility>
#include <vector>

#include "fvhooks/stats.h"
#include "stats/element.h"

namespace fvhooks::test {

struct TestTensor {
  DType dtype = DType::Float32;
  std::vector<std::byte> bytes;
  std::vector<std::int64_t> sizes, strides;
  std::int64_t offset = 0;  // elements from the first byte to the logical first element
  bool conjugate = false, negative = false;

  TensorView view() const {
    return {bytes.data() + offset * static_cast<std::int64_t>(item_size(dtype)),
            dtype,
            sizes,
            strides,
            conjugate,
            negative};
  }
};

inline std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& sizes) {
  std::vector<std::int64_t> strides(sizes.size());
  std::int64_t stride = 1;
  for (std::size_t i = sizes.size(); i-- > 0; stride *= sizes[i]) strides[i] = stride;
  return strides;
}

inline TestTensor with_sizes(TestTensor tensor, std::vector<std::int64_t> sizes) {
  tensor.strides = contiguous_strides(sizes);
  tensor.sizes = std::move(sizes);
  return tensor;
}

template <class T>
TestTensor tensor_of(DType dtype, const std::vector<T>& stored) {
  TestTensor tensor;
  tensor.dtype = dtype;
  tensor.bytes.resize(stored.size() * sizeof(T));
  if (!stored.empty()) std::memcpy(tensor.bytes.data(), stored.data(), tensor.bytes.size());
  return with_sizes(tensor, {static_cast<std::int64_t>(tensor.bytes.size() / item_size(dtype))});
}

inline TestTensor tensor_of(const std::vector<float>& values) { return tensor_of(DType::Float32, values); }
inline TestTensor tensor_of(const std::vector<double>& values) { return tensor_of(DType::Float64, values); }

// The logical elements, copied one after the other by plain indexing.
inline TestTensor contiguous_copy(const TestTensor& tensor) {
  TestTensor copy = with_sizes(tensor, tensor.sizes);
  const TensorView view = tensor.view();
  const std::size_t item = item_size(tensor.dtype);
  const auto count = static_cast<std::size_t>(view.numel());
  copy.bytes.assign(count * item, std::byte{0});
  copy.offset = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto rest = static_cast<std::int64_t>(i);
    std::int64_t at = 0;
    for (std::size_t axis = tensor.sizes.size(); axis-- > 0; rest /= tensor.sizes[axis]) {
      at += rest % tensor.sizes[axis] * tensor.strides[axis];
    }
    const auto* from = static_cast<const std::byte*>(view.data) + at * static_cast<std::int64_t>(item);
    std::memcpy(copy.bytes.data() + i * item, from, item);
  }
  return copy;
}

// Everything that tensor_stats gives, comparable with ==: doubles by their bits.
struct Outcome {
  TensorStats stats;
  Sketch sketch;

  auto bits() const {
    const auto of = [](double value) { return std::bit_cast<std::uint64_t>(value); };
    return std::tuple(stats.count, stats.nan, stats.inf, stats.zeros, of(stats.sum), of(stats.mean), of(stats.abs_mean),
                      of(stats.std), of(stats.rms), of(stats.min), of(stats.max), of(stats.abs_max), stats.integral,
                      stats.exact_sum, stats.exact_min, stats.exact_max, stats.exact_abs_max, sketch.buckets,
                      std::bit_cast<std::array<std::uint32_t, Sketch::kMaxBuckets>>(sketch.values));
  }
  friend bool operator==(const Outcome& a, const Outcome& b) { return a.bits() == b.bits(); }
  friend std::ostream& operator<<(std::ostream& out, const Outcome& a) {
    return out << a.stats.count << " elements, sum " << a.stats.sum << ", std " << a.stats.std;
  }
};

inline Outcome outcome(const TensorView& view, int buckets = 64) {
  Outcome result;
  result.stats = tensor_stats(view, buckets, &result.sketch);
  return result;
}
inline Outcome outcome(const TestTensor& tensor, int buckets = 64) { return outcome(tensor.view(), buckets); }

inline constexpr DType kEveryDType[] = {DType::Float64,      DType::Float32,    DType::Float16,   DType::BFloat16,
                                        DType::Float8E4M3FN, DType::Float8E5M2, DType::Int64,     DType::Int32,
                                        DType::Int16,        DType::Int8,       DType::UInt8,     DType::Bool,
                                        DType::Complex32,    DType::Complex64,  DType::Complex128};

// Two 16-bit and two 8-bit formats by truncation: all that tests need is a representable number nearby.
inline internal::BrainFloat brain_float(double value) {
  return {static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16)};
}
inline internal::Half half(double value) {
  std::uint16_t code = 0;  // magnitudes order as their codes do
  for (int bit = 14; bit >= 0; --bit) {
    const auto next = static_cast<std::uint16_t>(code | (1u << bit));
    if (next < 0x7C00 && internal::element(internal::Half{next}) <= std::abs(value)) code = next;
  }
  return {static_cast<std::uint16_t>(code | (std::signbit(value) ? 0x8000u : 0u))};
}
inline internal::Float8E5M2 float8_e5m2(double value) { return {static_cast<std::uint8_t>(half(value).bits >> 8)}; }
inline internal::Float8E4M3FN float8_e4m3fn(double value) {
  unsigned code = 0;
  while (code < 0x7E && internal::kFloat8E4M3FN[code + 1] <= std::abs(value)) ++code;
  return {static_cast<std::uint8_t>(code | (std::signbit(value) ? 0x80u : 0u))};
}

}  // namespace fvhooks::test
