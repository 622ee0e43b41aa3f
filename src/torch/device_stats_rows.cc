#include "torch/device_stats_rows.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "fvhooks/torch/tensor_view.h"
#include "torch/device_stats_hash.h"

namespace fvhooks::internal {
namespace {

constexpr std::int64_t kPiece = std::int64_t{1} << 22;

// Calls visit(flat piece, index of its first element) in row-major order. What is not contiguous is copied a piece at a
// time.
using Visit = std::function<void(const at::Tensor& piece, std::int64_t first)>;
void for_each_piece(const at::Tensor& tensor, std::int64_t first, std::int64_t limit, const Visit& visit) {
  const auto count = tensor.numel();
  if (count <= limit) return visit(tensor.reshape({-1}), first);
  if (tensor.is_contiguous() && tensor.dim() != 1) return for_each_piece(tensor.view({-1}), first, limit, visit);
  const auto row = count / tensor.size(0);
  const auto rows = std::max<std::int64_t>(1, limit / row);
  for (std::int64_t at = 0; at < tensor.size(0); at += rows) {
    const auto some = tensor.narrow(0, at, std::min(rows, tensor.size(0) - at));
    for_each_piece(some.size(0) == 1 ? some.squeeze(0) : some, first + at * row, limit, visit);
  }
}

// Gathers the numbers of one piece, in the order in which joined() reads them.
class Row {
 public:
  explicit Row(bool wide) : wide_(wide) {}

  void add_integer(const at::Tensor& number) { parts_.push_back(number.to(at::kLong).reshape({-1})); }
  void add_real(const at::Tensor& numbers) {
    const auto flat = numbers.reshape({-1});
    parts_.push_back(wide_ ? flat.view(at::kLong) : flat.view(at::kInt).to(at::kLong));
  }
  at::Tensor numbers() const { return at::cat(parts_); }

 private:
  bool wide_;
  std::vector<at::Tensor> parts_;
};

void add_spread(Row& row, const at::Tensor& x) {
  const auto [variance, mean] = at::var_mean(x, at::OptionalIntArrayRef(), /*correction=*/0);
  row.add_real(mean);
  row.add_real(variance * static_cast<double>(x.numel()));
}

void add_real_numbers(Row& row, const at::Tensor& x) {
  const auto magnitudes = x.abs();
  row.add_integer(x.ne(x).sum());
  row.add_integer(magnitudes.eq(std::numeric_limits<double>::infinity()).sum());
  row.add_integer(x.eq(0).sum());
  const auto [low, high] = at::aminmax(x);
  row.add_real(low);
  row.add_real(high);
  row.add_real(x.sum());
  row.add_real(magnitudes.sum());
  add_spread(row, x);
}

// In halves of 32 bits, whose sums cannot overflow.
void add_integer_sums(Row& row, const at::Tensor& x) {
  constexpr std::int64_t kLow = 0xFFFFFFFF;
  const auto high = at::bitwise_right_shift(x, 32);
  row.add_integer(high.sum());
  row.add_integer(at::bitwise_and(x, kLow).sum());
  const auto magnitude = x.abs();  // of -2^63 that is the bits of 2^63
  row.add_integer(at::bitwise_and(at::bitwise_right_shift(magnitude, 32), kLow).sum());
  row.add_integer(at::bitwise_and(magnitude, kLow).sum());
}

void add_integers(Row& row, const at::Tensor& x, at::ScalarType real) {
  row.add_integer(x.eq(0).sum());
  const auto [low, high] = at::aminmax(x);
  row.add_integer(low);
  row.add_integer(high);
  add_integer_sums(row, x);
  add_spread(row, x.to(real));
}

void add_sketch(Row& row, const at::Tensor& x, std::int64_t first) {
  const auto finite = at::where(at::isfinite(x), x, 0);
  const auto lead = first % kSketchGroup;
  const auto groups = (lead + x.numel() + kSketchGroup - 1) / kSketchGroup;
  const auto padded = at::constant_pad_nd(finite, {lead, groups * kSketchGroup - lead - x.numel()});
  const auto hashes = group_hashes(first / kSketchGroup, groups, x.device());
  const auto with_signs = padded.view({groups, kSketchGroup}) * hashes.signs;
  // Buckets are distinct within a group, so that nothing collides and every place is written.
  row.add_real(at::empty_like(with_signs).scatter_(1, hashes.buckets, with_signs).sum(0));
}

at::Tensor row_of_complex(const at::Tensor& piece, std::int64_t first, bool sketch, bool wide) {
  const auto parts = at::view_as_real(piece.resolve_conj().resolve_neg()).to(wide ? at::kDouble : at::kFloat);
  Row row(wide);
  add_real_numbers(row, at::hypot(parts.select(1, 0), parts.select(1, 1)));
  if (sketch) add_sketch(row, parts.reshape({-1}), 2 * first);
  return row.numbers();
}

at::Tensor row_of(const at::Tensor& piece, std::int64_t first, bool sketch, bool wide) {
  const auto real = wide ? at::kDouble : at::kFloat;
  if (piece.is_complex()) return row_of_complex(piece, first, sketch, wide);
  Row row(wide);
  const auto x = piece.to(real);
  if (c10::isIntegralType(piece.scalar_type(), /*includeBool=*/true))
    add_integers(row, piece.to(at::kLong), real);
  else
    add_real_numbers(row, x);
  if (sketch) add_sketch(row, x, first);
  return row.numbers();
}

}  // namespace

bool has_float64(c10::Device device) {
  static std::mutex mutex;
  static std::map<std::pair<c10::DeviceType, c10::DeviceIndex>, bool> known;
  const std::lock_guard lock(mutex);
  const auto [entry, is_new] = known.try_emplace({device.type(), device.index()}, true);
  if (is_new) {
    try {
      static_cast<void>(at::ones({1}, at::TensorOptions(at::kDouble).device(device)).add(1));
    } catch (const std::exception&) {
      entry->second = false;
    }
  }
  return entry->second;
}

StatsRows stats_rows(const at::Tensor& tensor, bool sketch, bool wide) {
  StatsRows rows;
  rows.dtype = *dtype_of(tensor.scalar_type());
  rows.wide = wide;
  rows.sketch = sketch;
  std::vector<at::Tensor> numbers;
  for_each_piece(tensor, 0, tensor.is_complex() ? kPiece / 2 : kPiece,
                 [&](const at::Tensor& piece, std::int64_t first) {
                   rows.counts.push_back(piece.numel());
                   numbers.push_back(row_of(piece, first, sketch, wide));
                 });
  rows.numbers = at::stack(numbers);
  return rows;
}

}  // namespace fvhooks::internal
