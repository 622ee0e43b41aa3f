// What a pair of records says, as numbers of which a diff holds millions.
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
  const auto shape = recorded_shape(record);
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
  const auto shape = recorded_shape(reference);
  if (!shape) return Row::kNaN;
  const auto channels = shape->empty() ? 1 : shape->back();
  return channels > 0 ? static_cast<float>(1 / std::sqrt(static_cast<double>(channels))) : Row::kNaN;
}

std::uint8_t dtype_code(const Record& record) {
  const auto dtype = recorded_dtype(record);
  return dtype ? static_cast<std::uint8_t>(*dtype) : Row::kNoDType;
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

}  // namespace

Row measured_row(const Record& reference, const Record& port) {
  Row row;
  const auto measured = measure(reference, port);
  row.status = measured.settled.value_or(Status::Incomparable);
  row.is_settled = measured.settled.has_value();
  if (measured.error) row.error = static_cast<float>(*measured.error);
  row.sketch_log2 =
      static_cast<std::uint8_t>(measured.buckets == 0 ? 0 : std::countr_zero(unsigned(measured.buckets))) & 0xF;
  row.has_non_finite = has_non_finite(reference) && has_non_finite(port);
  row.reference_dtype = dtype_code(reference);
  row.port_dtype = dtype_code(port);
  enter_biases(row, reference, port);
  return row;
}

}  // namespace fvhooks::internal
