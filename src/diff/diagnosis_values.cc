#include "diff/diagnosis_values.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "diff/error.h"

namespace fvhooks::internal {
namespace {

constexpr int kFewBuckets = 8;

struct Sketches {
  Sketch reference, port;
};

bool is_usable(const Sketch& sketch) {
  return std::all_of(sketch.values.begin(), sketch.values.begin() + sketch.buckets,
                     [](float value) { return std::fabs(value) < std::numeric_limits<float>::max(); });
}

std::optional<Sketches> common_sketches(const Record& reference, const Record& port) {
  const int buckets = std::min(reference.sketch.buckets, port.sketch.buckets);
  if (buckets == 0) return std::nullopt;
  Sketches sketches{fold(reference.sketch, buckets), fold(port.sketch, buckets)};
  if (!is_usable(sketches.reference) || !is_usable(sketches.port)) return std::nullopt;
  return sketches;
}

double product(const Sketch& a, const Sketch& b) {
  double sum = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(a.buckets); ++i) sum += double{a.values[i]} * b.values[i];
  return sum;
}

bool holds_few_values(const Sketch& sketch) {
  const auto end = sketch.values.begin() + sketch.buckets;
  return std::count_if(sketch.values.begin(), end, [](float value) { return value != 0; }) < kFewBuckets;
}

std::optional<double> finite_number(const Record& record, std::string_view stat) {
  const auto value = record.number(stat);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

// Whether both recorded it and agree within `slack` of `scale`; nothing: not recorded.
std::optional<bool> agrees(const Record& reference, const Record& port, std::string_view stat, double allowed) {
  const auto a = finite_number(reference, stat), b = finite_number(port, stat);
  if (!a || !b) return std::nullopt;
  return std::fabs(*a - *b) <= allowed;
}

double channels(const Record& record) {
  const auto* shape = recorded_shape(record);
  return shape && !shape->empty() ? static_cast<double>(std::max<std::int64_t>(shape->back(), 1)) : 1;
}

std::size_t element_count(const std::vector<std::int64_t>& shape) {
  std::size_t count = 1;
  for (const auto size : shape) count *= static_cast<std::size_t>(std::max<std::int64_t>(size, 0));
  return count;
}

// What is the same for the same values in any order. At least a magnitude, a sum and an extreme must have been
// recorded.
bool have_same_values(const Record& reference, const Record& port, double slack) {
  const auto magnitude = finite_number(reference, "abs_mean");
  if (!magnitude || *magnitude == 0) return false;
  // Rounding averages out of a magnitude, by channels; of an extreme it does not.
  const double averaged = slack * 3 / std::sqrt(channels(reference));
  const auto* shape = recorded_shape(reference);
  const double count = shape ? static_cast<double>(element_count(*shape)) : 0;
  const auto rms = finite_number(reference, "rms"), largest = finite_number(reference, "max");
  const auto abs_mean_agrees = agrees(reference, port, "abs_mean", averaged * *magnitude);
  const auto rms_agrees = agrees(reference, port, "rms", averaged * rms.value_or(0));
  auto mean_agrees = agrees(reference, port, "mean", averaged * *magnitude);
  if (!mean_agrees) mean_agrees = agrees(reference, port, "sum", averaged * *magnitude * count);
  const double extreme = slack * std::max(std::fabs(largest.value_or(0)), *magnitude);
  const auto max_agrees = agrees(reference, port, "max", extreme), min_agrees = agrees(reference, port, "min", extreme);
  return abs_mean_agrees.value_or(false) && rms_agrees.value_or(true) && mean_agrees.value_or(false) &&
         (max_agrees || min_agrees) && max_agrees.value_or(true) && min_agrees.value_or(true);
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

// Of a tensor of this shape that holds 1 everywhere.
Sketch sketch_of_ones(const std::vector<std::int64_t>& shape, int buckets) {
  const float one = 1;
  const std::vector<std::int64_t> strides(shape.size(), 0);
  Sketch sketch;
  tensor_stats(TensorView{&one, DType::Float32, shape, strides}, buckets, &sketch);
  return sketch;
}

}  // namespace

std::optional<double> distance(const Record& reference, const Record& port) {
  const auto *a = recorded_shape(reference), *b = recorded_shape(port);
  if (a && b && *a != *b) return std::nullopt;
  const auto sketches = common_sketches(reference, port);
  if (!sketches) return std::nullopt;
  return relative_l2(sketches->reference, sketches->port);
}

std::optional<std::string> non_finite_evidence(const Record& reference, const Record& port) {
  if (has_non_finite(reference) || !has_non_finite(port)) return std::nullopt;
  if (port.nan == 0 && port.inf == 0) return "the port's values are not all finite here, the reference's are";
  std::string what;
  if (port.nan != 0) what = std::to_string(port.nan) + " NaN";
  if (port.inf != 0) what += (what.empty() ? "" : " and ") + std::to_string(port.inf) + " infinite";
  std::string evidence = what + " elements in the port, none in the reference, and none in the port before";
  const auto largest =
      finite_number(reference, "abs_max") ? finite_number(reference, "abs_max") : finite_number(reference, "max");
  constexpr double kLargestFloat16 = 65504;
  if (port.inf != 0 && largest && *largest > kLargestFloat16) {
    evidence += "; the reference's reach " + short_number(*largest) + ", more than float16 can hold";
  }
  return evidence;
}

std::optional<std::string> transposed_evidence(const Record& reference, const Record& port, double slack) {
  const auto *a = recorded_shape(reference), *b = recorded_shape(port);
  if (!a || !b || *a == *b || !std::is_permutation(a->begin(), a->end(), b->begin(), b->end())) return std::nullopt;
  if (!have_same_values(reference, port, slack)) return std::nullopt;
  return "shape " + shape_text(*b) + " has the dimensions of " + shape_text(*a) +
         " in another order, and the values' magnitude, mean and extremes agree";
}

std::optional<std::string> narrower_evidence(const Record& reference, const Record& port, const Row& row) {
  if (!row.is_narrower || row.status != Status::Diverged) return std::nullopt;
  const auto a = recorded_dtype(reference), b = recorded_dtype(port);
  const bool is_recorded = a && b && epsilon(*b) > epsilon(*a);
  // Rounding once makes half an epsilon at most; a norm does it twice.
  if (!(row.error <= epsilon(is_recorded ? *b : DType::BFloat16))) return std::nullopt;
  if (!is_recorded && holds_few_values(port.sketch)) return std::nullopt;
  const std::string size = ", and an error of " + short_number(row.error) + " is what that rounding makes";
  if (is_recorded) {
    return std::string(torch_name(*b)) + " in the port, " + std::string(torch_name(*a)) + " in the reference" + size;
  }
  return "the port's extremes are numbers of a 16 bit dtype, the reference's are not" + size;
}

std::optional<std::string> permuted_evidence(const Record& reference, const Record& port, double slack) {
  const auto sketches = common_sketches(reference, port);
  if (!sketches || holds_few_values(sketches->reference)) return std::nullopt;
  const double error = relative_l2(sketches->reference, sketches->port);
  constexpr double kLeastError = 0.05;
  if (!(error > std::max(kLeastError, 10 * slack)) || !have_same_values(reference, port, slack)) return std::nullopt;
  return "magnitude, mean and extremes are the reference's, but the sketches are " + short_number(error) +
         " apart: the same values in another order";
}

std::optional<std::string> shifted_evidence(const Record& reference, const Record& port, double slack) {
  const auto sketches = common_sketches(reference, port);
  const auto* shape = recorded_shape(reference);
  auto a = finite_number(reference, "mean"), b = finite_number(port, "mean");
  constexpr std::size_t kMostElements = std::size_t{1} << 28;
  if (!sketches || !shape || holds_few_values(sketches->reference)) return std::nullopt;
  const auto count = element_count(*shape);
  if (count == 0 || count > kMostElements) return std::nullopt;
  if (!a || !b) {
    a = finite_number(reference, "sum");
    b = finite_number(port, "sum");
    if (!a || !b) return std::nullopt;
    *a /= static_cast<double>(count);
    *b /= static_cast<double>(count);
  }
  const double shift = *b - *a;
  const auto ones = sketch_of_ones(*shape, sketches->reference.buckets);
  auto unshifted = sketches->port;
  for (std::size_t i = 0; i < static_cast<std::size_t>(ones.buckets); ++i) {
    unshifted.values[i] -= static_cast<float>(shift) * ones.values[i];
  }
  const double error = relative_l2(sketches->reference, sketches->port);
  const double residual = relative_l2(sketches->reference, unshifted);
  if (!(error > 10 * slack) || !(residual <= slack)) return std::nullopt;
  return "every element is about " + short_number(std::fabs(shift)) + (shift < 0 ? " lower" : " higher") +
         ": without that the error falls from " + short_number(error) + " to " + short_number(residual);
}

std::optional<Scaling> scaling(const Record& reference, const Record& port) {
  const auto sketches = common_sketches(reference, port);
  if (!sketches) return std::nullopt;
  const double squared = product(sketches->reference, sketches->reference);
  const double factor = squared == 0 ? 0 : product(sketches->reference, sketches->port) / squared;
  if (factor == 0) return std::nullopt;
  double residual = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(sketches->port.buckets); ++i) {
    const double left = sketches->port.values[i] - factor * sketches->reference.values[i];
    residual += left * left;
  }
  return Scaling{factor, std::sqrt(residual / squared) / std::fabs(factor), holds_few_values(sketches->reference)};
}

bool is_constant_factor(const Scaling& scaling, double slack) {
  return std::fabs(scaling.factor - 1) > 10 * slack && scaling.residual <= slack;
}

std::string scaling_evidence(const Scaling& scaling, const Record& reference) {
  constexpr double kSame = 1e-3;
  const double factor = scaling.factor;
  std::string evidence = "the port's values are " + short_number(factor) + " times the reference's, and all but " +
                         short_number(scaling.residual) + " of them is explained by that";
  if (std::fabs(factor + 1) < kSame) evidence += ": the sign is reversed";
  const auto* shape = recorded_shape(reference);
  constexpr std::int64_t kLeastHeadDimension = 16;  // 1/2 and 1/4 have other reasons
  if (!shape || shape->empty() || shape->back() <= kLeastHeadDimension) return evidence;
  const double root = std::sqrt(static_cast<double>(shape->back()));
  if (std::fabs(factor * root - 1) < kSame) evidence += ": 1/sqrt(" + std::to_string(shape->back()) + ")";
  if (std::fabs(factor / root - 1) < kSame) evidence += ": sqrt(" + std::to_string(shape->back()) + ")";
  return evidence;
}

}  // namespace fvhooks::internal
