#include "diff/error.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

namespace fvhooks::internal {
namespace {

// What says something about the values; shape, dtype and zeros do not.
constexpr std::array<std::string_view, 8> kValueStats = {"abs_mean", "rms", "std",  "abs_max",
                                                         "min",      "max", "mean", "sum"};

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

bool is_error(const Value* value) {
  const auto* text = value ? std::get_if<std::string>(value) : nullptr;
  return text && text->starts_with("<error: ");
}

// FastVideo's own records do not count NaN and infinities, so that no count says nothing there.
bool counts_non_finite(const Record& record) { return record.seq || record.call || record.sketch.buckets != 0; }

bool same_value(const Value& a, const Value& b) {
  const auto *x = std::get_if<double>(&a), *y = std::get_if<double>(&b);
  if (x && y) return *x == *y || (std::isnan(*x) && std::isnan(*y));
  if (const auto *raw_a = std::get_if<RawJson>(&a), *raw_b = std::get_if<RawJson>(&b); raw_a || raw_b) {
    return raw_a && raw_b && raw_a->text == raw_b->text;
  }
  const auto *text_a = std::get_if<std::string>(&a), *text_b = std::get_if<std::string>(&b);
  if (text_a || text_b) return text_a && text_b && *text_a == *text_b;
  const auto *exact_a = std::get_if<Int128>(&a), *exact_b = std::get_if<Int128>(&b);
  if (exact_a || exact_b) return exact_a && exact_b && *exact_a == *exact_b;
  const auto *shape_a = std::get_if<std::vector<std::int64_t>>(&a),
             *shape_b = std::get_if<std::vector<std::int64_t>>(&b);
  if (shape_a || shape_b) return shape_a && shape_b && *shape_a == *shape_b;
  return !x && !y;  // null on both sides
}

struct SketchDistance {
  int buckets = 0;
  double error = 0;
  bool is_same = false;  // bit for bit
};

// `from` itself where it is of that size, else folded into `room`.
const Sketch& folded(const Sketch& from, int buckets, Sketch& room) {
  if (from.buckets == buckets) return from;
  room = fold(from, buckets);
  return room;
}

std::optional<double> element_count(const Record& record) {
  const auto* shape = recorded_shape(record);
  if (!shape) return std::nullopt;
  double count = 1;
  for (const auto size : *shape) count *= static_cast<double>(size);
  return count;
}

// NaN and infinite elements enter a sketch as 0: one of zeros may be of a tensor that has no others.
bool is_of_finite_elements(const Record& record) {
  const auto non_finite = static_cast<double>(record.nan) + static_cast<double>(record.inf);
  const auto& values = record.sketch.values;
  const auto end = values.begin() + record.sketch.buckets;
  return non_finite == 0 || std::any_of(values.begin(), end, [](float value) { return value != 0; }) ||
         element_count(record).value_or(0) > non_finite;
}

// Of sketches of one size; nothing where a side has none, or it says nothing, has overflowed or, in a file that lies,
// is not finite.
std::optional<SketchDistance> sketch_distance(const Record& reference, const Record& port) {
  const int buckets = std::min(reference.sketch.buckets, port.sketch.buckets);
  if (buckets == 0 || !is_of_finite_elements(reference) || !is_of_finite_elements(port)) return std::nullopt;
  Sketch room;
  const auto& a = folded(reference.sketch, buckets, room);
  const auto& b = folded(port.sketch, buckets, room);
  const double error = relative_l2(a, b);
  if (std::isnan(error)) return std::nullopt;
  const auto bytes = sizeof(float) * static_cast<std::size_t>(buckets);
  return SketchDistance{buckets, error, std::memcmp(a.values.data(), b.values.data(), bytes) == 0};
}

// Integers have no rounding: what is not the same is wrong. FastVideo's own sums of integers went through float32, and
// are compared as such.
bool are_exact_integers(const Record& reference, const Record& port, bool have_sketches) {
  const auto has_exact_sum = [](const Record& record) {
    const auto* sum = record.find("sum");
    return sum && std::holds_alternative<Int128>(*sum);
  };
  const auto has_integral_dtype = [](const Record& record) {
    const auto dtype = recorded_dtype(record);
    return dtype && is_integral(*dtype);
  };
  return (has_exact_sum(reference) && has_exact_sum(port)) ||
         (have_sketches && has_integral_dtype(reference) && has_integral_dtype(port));
}

// NaN or infinity says that there is such an element, and nothing of the others.
bool says_something(const std::string& stat, const Value& value) {
  if (stat == "shape" || stat == "dtype" || stat == "zeros") return false;
  if (const auto* number = std::get_if<double>(&value)) return std::isfinite(*number);
  return !std::holds_alternative<std::nullptr_t>(value);
}

// Everything that both sides recorded about the values is the same, and that is something. Of integers only what is
// exact counts: their mean and std are rounded by whoever computes them.
bool is_same(const Record& reference, const Record& port, const std::optional<SketchDistance>& sketches,
             bool are_integers) {
  if (sketches && !sketches->is_same) return false;
  bool has_evidence = sketches.has_value();
  for (const auto& [name, value] : reference.stats) {
    const auto* other = port.find(name);
    if (!other) continue;
    if (is_error(&value) || is_error(other)) return false;
    if (are_integers && std::holds_alternative<double>(value)) continue;
    if (!same_value(value, *other)) return false;
    has_evidence = has_evidence || says_something(name, value);
  }
  return has_evidence;
}

std::optional<double> both_finite(const Record& reference, const Record& port, std::string_view stat) {
  const auto a = reference.number(stat), b = port.number(stat);
  if (!a || !b || !std::isfinite(*a) || !std::isfinite(*b)) return std::nullopt;
  return std::fabs(*a - *b);
}

// The size of the reference's elements: what a difference of min, max, mean or std is held against, so that one that is
// small by cancellation raises no alarm.
double magnitude(const Record& reference, std::initializer_list<std::string_view> stats) {
  double largest = 0;
  for (const auto stat : stats) {
    const auto value = reference.number(stat);
    if (value && std::isfinite(*value)) largest = std::max(largest, std::fabs(*value));
  }
  return largest;
}

std::optional<double> element_count(const Record& reference, const Record& port) {
  const auto own = element_count(reference);
  return own ? own : element_count(port);
}

std::optional<double> scale_of(const Record& reference, const Record& port, std::string_view stat) {
  if (stat == "abs_mean" || stat == "rms") return magnitude(reference, {stat});
  if (stat == "abs_max" || stat == "min" || stat == "max") {
    return magnitude(reference, {"abs_max", "min", "max", "abs_mean", "rms"});
  }
  if (stat == "std") return magnitude(reference, {"std", "abs_mean", "rms"});
  // Sums cancel, so their own size is no measure.
  const double element = magnitude(reference, {"abs_mean", "rms"});
  if (stat == "mean") return element != 0 ? element : magnitude(reference, {"mean", "std", "abs_max", "min", "max"});
  const auto count = element_count(reference, port);
  if (!count) return std::nullopt;
  return *count * (element != 0 ? element : magnitude(reference, {"abs_max", "min", "max", "std", "mean"}));
}

struct StatisticError {
  std::string_view stat;
  double error = 0;
};

std::optional<StatisticError> largest_statistic_error(const Record& reference, const Record& port) {
  std::optional<StatisticError> largest;
  for (const auto stat : kValueStats) {
    const auto difference = both_finite(reference, port, stat);
    const auto scale = scale_of(reference, port, stat);
    if (!difference || !scale) continue;
    double error = 0;
    if (*difference != 0) error = *scale != 0 ? *difference / *scale : std::numeric_limits<double>::infinity();
    if (!largest || error > largest->error) largest = StatisticError{stat, error};
  }
  return largest;
}

bool has_finite_stats(const Record& record) {
  return std::ranges::all_of(record.stats, [](const auto& stat) {
    const auto* number = std::get_if<double>(&stat.second);
    return !number || std::isfinite(*number);
  });
}

std::optional<std::string> non_finite_difference(const Record& reference, const Record& port) {
  if (counts_non_finite(reference) && counts_non_finite(port)) {
    const auto count = [](const Record& record) {
      return std::to_string(record.nan) + " NaN and " + std::to_string(record.inf) + " infinite";
    };
    if (reference.nan != port.nan || reference.inf != port.inf) {
      return count(reference) + " in the reference, " + count(port) + " in the port";
    }
  }
  if (has_finite_stats(reference) && has_finite_stats(port)) return std::nullopt;
  for (const auto stat : kValueStats) {
    const auto a = reference.number(stat), b = port.number(stat);
    if (!a || !b || (std::isfinite(*a) && std::isfinite(*b))) continue;
    const bool is_same = *a == *b || (std::isnan(*a) && std::isnan(*b));
    if (!is_same)
      return std::string(stat) + " is " + short_number(*a) + " in the reference, " + short_number(*b) + " in the port";
  }
  return std::nullopt;
}

bool is_empty(const std::vector<std::int64_t>* shape) {
  return shape && std::find(shape->begin(), shape->end(), 0) != shape->end();
}

std::string why_incomparable(const Record& reference, const Record& port) {
  for (const auto* record : {&reference, &port}) {
    for (const auto& [name, value] : record->stats) {
      if (is_error(&value)) return std::get<std::string>(value);
    }
  }
  if (has_non_finite(reference) && has_non_finite(port)) {
    return "NaN or infinite on both sides, and nothing was recorded of other elements";
  }
  return "the two records have no sketch and no statistic in common that can be judged";
}

// The values of one tensor by sketch, else by statistics.
Measured measure_values(const Record& reference, const Record& port, Detail detail) {
  const auto sketches = sketch_distance(reference, port);
  const bool are_integers = are_exact_integers(reference, port, sketches.has_value());
  if (is_same(reference, port, sketches, are_integers)) {
    return {Status::Equal, 0.0, sketches ? sketches->buckets : 0, {}};
  }
  Measured measured;
  if (are_integers) measured.settled = Status::Diverged;
  if (sketches) {
    measured.error = sketches->error;
    measured.buckets = sketches->buckets;
    if (detail == Detail::Without) return measured;
  }
  const auto by_statistics = largest_statistic_error(reference, port);
  if (by_statistics) {
    if (!measured.error) measured.error = by_statistics->error;
    if (by_statistics->error != 0) {
      measured.detail = std::string(by_statistics->stat) + " " + short_number(*reference.number(by_statistics->stat)) +
                        " against " + short_number(*port.number(by_statistics->stat));
    }
  }
  if (!measured.error && !measured.settled) {
    return {Status::Incomparable, {}, 0, why_incomparable(reference, port)};
  }
  return measured;
}

}  // namespace

bool has_non_finite(const Record& record) {
  if (record.nan != 0 || record.inf != 0) return true;
  if (has_finite_stats(record)) return false;
  for (const auto stat : {"sum", "min", "max", "abs_max", "abs_mean"}) {  // std of one element is NaN and says nothing
    if (!std::isfinite(record.number(stat).value_or(0))) return true;
  }
  return false;
}

std::optional<DType> recorded_dtype(const Record& record) {
  const auto* value = record.find("dtype");
  const auto* name = value ? std::get_if<std::string>(value) : nullptr;
  return name ? dtype_from_torch_name(*name) : std::nullopt;
}

const std::vector<std::int64_t>* recorded_shape(const Record& record) {
  const auto* value = record.find("shape");
  return value ? std::get_if<std::vector<std::int64_t>>(value) : nullptr;
}

Measured measure(const Record& reference, const Record& port, Detail detail) {
  const auto *shape = recorded_shape(reference), *port_shape = recorded_shape(port);
  if (shape && port_shape && *shape != *port_shape) {
    return {
        Status::Shape, {}, 0, shape_text(*shape) + " in the reference, " + shape_text(*port_shape) + " in the port"};
  }
  if (const auto difference = non_finite_difference(reference, port)) return {Status::NonFinite, {}, 0, *difference};
  if (is_empty(shape) && is_empty(port_shape)) return {Status::Equal, {}, 0, "no elements"};

  auto measured = measure_values(reference, port, detail);
  if (detail == Detail::Without) return measured;
  const auto dtype = recorded_dtype(reference), port_dtype = recorded_dtype(port);
  if (dtype && port_dtype && *dtype != *port_dtype) {
    measured.detail += (measured.detail.empty() ? "" : "; ") + std::string(torch_name(*dtype)) + " in the reference, " +
                       std::string(torch_name(*port_dtype)) + " in the port";
  }
  return measured;
}

// By trial (error_test): the logarithm of estimate / truth has 5 and 95 % quantiles at -1.85/sqrt(k) and 1.85/sqrt(k).
Interval error_interval(double error, int buckets) noexcept {
  if (buckets == 0) return {error, error};
  const double spread = std::exp(1.85 / std::sqrt(static_cast<double>(buckets)));
  return {error / spread, error * spread};
}

std::string module_in_words(std::string_view module) {
  return module.empty() ? "the root module" : std::string(module);
}

std::string short_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 4).ptr;
  return {text.data(), end};
}

}  // namespace fvhooks::internal
