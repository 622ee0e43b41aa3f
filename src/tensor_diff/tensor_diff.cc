#include "fvhooks/tensor_diff.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>

#include "tensor_diff/axis_errors.h"
#include "tensor_diff/decode.h"
#include "tensor_diff/ulps.h"

namespace fvhooks {
namespace {

using internal::kTile;

// A number of sums side by side, so that the machine need not wait for one addition after the other.
constexpr std::size_t kSums = 8;

double sum_of(const internal::NumberTile& values) {
  double sums[kSums] = {};
  for (std::size_t i = 0; i < kTile; i += kSums)
    for (std::size_t j = 0; j < kSums; ++j) sums[j] += values[i + j];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

std::vector<std::int64_t> index_of(std::uint64_t element, const std::vector<std::int64_t>& sizes) {
  std::vector<std::int64_t> index(sizes.size());
  for (auto axis = sizes.size(); axis-- > 0;) {
    const auto size = static_cast<std::uint64_t>(sizes[axis]);
    index[axis] = static_cast<std::int64_t>(element % size);
    element /= size;
  }
  return index;
}

// One tile of both tensors. Behind `count`, and where a pair is not finite, all are 0.
struct Tile {
  std::size_t count = 0;
  internal::NumberTile reference, port, difference;
  internal::NumberTile scratch;
};

class Comparer {
 public:
  Comparer(const TensorView& reference, const TensorView& port)
      : reference_(reference),
        port_(port),
        is_integral_(is_integral(reference_.dtype()) && is_integral(port_.dtype())),
        ulp_dtype_(internal::narrower(reference_.dtype(), port_.dtype())),
        ulps_(ulp_dtype_),
        axes_(reference_.sizes()) {
    diff_.reference_dtype = reference.dtype;
    diff_.port_dtype = port.dtype;
    diff_.sizes = reference_.sizes();
    diff_.elements = static_cast<std::uint64_t>(reference.numel()) * (is_complex(reference.dtype) ? 2 : 1);
  }

  TensorDiff run() {
    for (std::uint64_t first = 0; first < diff_.elements; first += kTile) {
      load(first);
      take_out_non_finite(first);
      compare(first);
      add_up();
    }
    finish();
    return std::move(diff_);
  }

 private:
  void load(std::uint64_t first) {
    tile_.count = static_cast<std::size_t>(std::min<std::uint64_t>(kTile, diff_.elements - first));
    reference_.numbers(first, tile_.count, tile_.reference);
    port_.numbers(first, tile_.count, tile_.port);
    for (auto* const values : {&tile_.reference, &tile_.port, &tile_.difference})
      std::fill(values->begin() + static_cast<std::ptrdiff_t>(tile_.count), values->end(), 0.0);
    if (is_integral_) return subtract_integers(first);
    for (std::size_t i = 0; i < tile_.count; ++i) tile_.difference[i] = tile_.port[i] - tile_.reference[i];
  }

  // Beyond 2^53 integers that differ may be equal as doubles.
  void subtract_integers(std::uint64_t first) {
    reference_.integers(first, tile_.count, reference_integers_);
    port_.integers(first, tile_.count, port_integers_);
    for (std::size_t i = 0; i < tile_.count; ++i)
      tile_.difference[i] = static_cast<double>(static_cast<Wide>(port_integers_[i]) - reference_integers_[i]);
  }

  void take_out_non_finite(std::uint64_t first) {
    for (std::size_t i = 0; i < tile_.count; ++i) {
      auto& a = tile_.reference[i];
      auto& b = tile_.port[i];
      if (std::isfinite(a) && std::isfinite(b)) continue;
      const bool is_same = a == b || (std::isnan(a) && std::isnan(b));
      if (!is_same && diff_.non_finite_mismatches++ == 0)
        diff_.first_non_finite = ElementPair{index_of(first + i, diff_.sizes), a, b};
      diff_.differing += is_same ? 0 : 1;
      ++non_finite_pairs_;
      a = b = tile_.difference[i] = 0;
    }
  }

  void compare(std::uint64_t first) {
    for (std::size_t i = 0; i < tile_.count; ++i) {
      const auto a = tile_.reference[i], b = tile_.port[i], size = std::abs(tile_.difference[i]);
      diff_.differing += size != 0;
      ulps_.add(size, std::max(std::abs(a), std::abs(b)));
      if (size > diff_.max_abs) {
        diff_.max_abs = size;
        worst_ = first + i;
        worst_reference_ = a;
        worst_port_ = b;
      }
    }
  }

  void add_up() {
    const auto add_products = [&](const internal::NumberTile& a, const internal::NumberTile& b, double& sum) {
      for (std::size_t i = 0; i < kTile; ++i) tile_.scratch[i] = a[i] * b[i];
      sum += sum_of(tile_.scratch);
    };
    add_products(tile_.reference, tile_.reference, reference_squares_);
    add_products(tile_.port, tile_.port, port_squares_);
    add_products(tile_.reference, tile_.port, products_);
    add_products(tile_.difference, tile_.difference, squares_);
    axes_.add({tile_.scratch.data(), tile_.count});
  }

  void finish() {
    if (squares_ > 0) diff_.relative_l2 = std::sqrt(squares_ / reference_squares_);
    if (reference_squares_ > 0 && port_squares_ > 0)
      diff_.cosine = products_ / (std::sqrt(reference_squares_) * std::sqrt(port_squares_));
    if (diff_.max_abs > 0) diff_.worst = ElementPair{index_of(worst_, diff_.sizes), worst_reference_, worst_port_};
    diff_.ulp_dtype = ulp_dtype_;
    ulps_.remove_equal(non_finite_pairs_);
    diff_.ulps = ulps_.counts();
    diff_.axes = axes_.errors(reference_squares_);
    diff_.map = axes_.map(reference_squares_);
  }

  __extension__ using Wide = __int128;

  internal::RealTensor reference_, port_;
  bool is_integral_;
  DType ulp_dtype_;
  internal::UlpHistogram ulps_;
  internal::AxisSums axes_;
  TensorDiff diff_;
  Tile tile_;
  internal::IntegerTile reference_integers_, port_integers_;
  std::uint64_t worst_ = 0, non_finite_pairs_ = 0;
  double worst_reference_ = 0, worst_port_ = 0;
  double reference_squares_ = 0, port_squares_ = 0, products_ = 0, squares_ = 0;
};

std::string text_of(std::span<const std::int64_t> sizes) {
  std::string text = "[";
  for (const auto size : sizes) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

}  // namespace

Expected<TensorDiff> diff_tensors(const TensorView& reference, const TensorView& port) {
  if (!std::ranges::equal(reference.sizes, port.sizes))
    return Error{"shape " + text_of(reference.sizes) + " in the reference, " + text_of(port.sizes) + " in the port"};
  if (is_complex(reference.dtype) != is_complex(port.dtype))
    return Error{std::string(torch_name(reference.dtype)) + " in the reference, " +
                 std::string(torch_name(port.dtype)) + " in the port"};
  return std::make_unique<Comparer>(reference, port)->run();  // some 100 kB: not for the stack
}

}  // namespace fvhooks
