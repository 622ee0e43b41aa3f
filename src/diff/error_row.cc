// What a pair of records says, as numbers of which a diff holds millions.
#include <algorithm>
#include <bit>
#include <cmath>

#include "diff/error.h"

namespace fvhooks::internal {
namespace {

std::optional<double> finite_number(const Record& record, std::string_view stat) {
  const auto value = record.number(stat);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<double> mean_of(const Record& record) {
  if (const auto mean = finite_number(record, "mean")) return mean;
  const auto sum = finite_number(record, "sum");
  const auto* shape = recorded_shape(record);
  if (!sum || !shape) return std::nullopt;
  double count = 1;
  for (const auto size : *shape) count *= static_cast<double>(size);
  return count != 0 ? std::optional(*sum / count) : std::nullopt;
}

// (port − reference) / scale
float bias(std::optional<double> reference, std::optional<double> port, std::optional<double> scale) {
  if (!reference || !port || !scale || *scale == 0) return Row::kNaN;
  return static_cast<float>((*port - *reference) / std::fabs(*scale));
}

// Rounding is independent from channel to channel, but not from token to token: one modulation, one bias vector, is
// used by all of them.
float share_of_noise_in_bias(const Record& reference) {
  const auto* shape = recorded_shape(reference);
  if (!shape) return Row::kNaN;
  const auto channels = shape->empty() ? 1 : shape->back();
  return channels > 0 ? static_cast<float>(1 / std::sqrt(static_cast<double>(channels))) : Row::kNaN;
}

bool fits_in(DType dtype, double value) {
  if (dtype == DType::Float16) return std::fmod(value, std::ldexp(1.0, std::max(std::ilogb(value), -14) - 10)) == 0;
  return std::fmod(value, std::ldexp(1.0, std::ilogb(value) - 7)) == 0;
}

// Of the extremes, which are elements: the port's are bfloat16 or float16, and the reference's none of the two.
bool has_rounded_extremes(const Record& reference, const Record& port) {
  for (const auto dtype : {DType::BFloat16, DType::Float16}) {
    bool port_fits = true, reference_fits = true;
    for (const auto stat : {"min", "max", "abs_max"}) {
      const auto a = finite_number(reference, stat), b = finite_number(port, stat);
      if (!a || !b || *a == 0 || *b == 0) continue;
      reference_fits = reference_fits && fits_in(dtype, *a);
      port_fits = port_fits && fits_in(dtype, *b);
    }
    if (port_fits && !reference_fits) return true;
  }
  return false;
}

bool is_narrower(const Record& reference, const Record& port) {
  const auto a = recorded_dtype(reference), b = recorded_dtype(port);
  if (a && b && is_integral(*a) != is_integral(*b)) return false;
  if (a && b && epsilon(*b) > epsilon(*a)) return true;
  const bool can_be_rounded = !a || epsilon(*a) < epsilon(DType::Float16);
  return can_be_rounded && !(a && is_integral(*a)) && has_rounded_extremes(reference, port);
}

void enter_biases(Row& row, const Record& reference, const Record& port) {
  auto magnitude = finite_number(reference, "abs_mean"), port_magnitude = finite_number(port, "abs_mean");
  if (!magnitude || !port_magnitude) {
    magnitude = finite_number(reference, "rms");
    port_magnitude = finite_number(port, "rms");
  }
  row.abs_mean_bias = bias(magnitude, port_magnitude, magnitude);
  row.mean_bias = bias(mean_of(reference), mean_of(port), magnitude);
  row.bias_noise = share_of_noise_in_bias(reference);
}

// What whole tensors say in place of what sketches and statistics estimate. Shapes and non-finite elements are known
// from the records.
void take_exact_error(Row& row, double error) {
  row.error = static_cast<float>(error);
  row.is_exact = true;
  if (row.status == Status::Shape || row.status == Status::NonFinite) return;
  const bool is_integer = row.is_settled && row.status == Status::Diverged;
  row.is_settled = error == 0 || is_integer;
  if (error == 0) row.status = Status::Equal;
}

}  // namespace

std::uint8_t dtype_code(const Record& record) {
  const auto dtype = recorded_dtype(record);
  return dtype ? static_cast<std::uint8_t>(*dtype) : Row::kNoDType;
}

Row measured_row(const Record& reference, const Record& port) {
  Row row;
  const auto measured = measure(reference, port, Detail::Without);
  row.status = measured.settled.value_or(Status::Incomparable);
  row.is_settled = measured.settled.has_value();
  if (measured.error) row.error = static_cast<float>(*measured.error);
  row.sketch_log2 =
      static_cast<std::uint8_t>(measured.buckets == 0 ? 0 : std::countr_zero(unsigned(measured.buckets))) & 0xF;
  row.injected_code = static_cast<std::uint8_t>(port.injection.what) & 0x7;
  if (port.injection.error) take_exact_error(row, *port.injection.error);
  row.has_non_finite = has_non_finite(reference) && has_non_finite(port);
  row.reference_dtype = dtype_code(reference) & 0xF;
  row.port_dtype = dtype_code(port) & 0xF;
  row.is_narrower = is_narrower(reference, port);
  enter_biases(row, reference, port);
  return row;
}

}  // namespace fvhooks::internal
