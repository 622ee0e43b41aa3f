#include "diff/pairs.h"

#include <cmath>

#include "diff/error.h"
#include "diff/evidence_bias.h"

namespace fvhooks::internal {
namespace {

std::optional<double> number_or_none(double value) { return std::isnan(value) ? std::nullopt : std::optional(value); }

std::optional<double> largest_bias(const Row& row) {
  const auto magnitude = number_or_none(row.abs_mean_bias), mean = number_or_none(row.mean_bias);
  if (!magnitude || !mean) return magnitude ? magnitude : mean;
  return std::fabs(*mean) > std::fabs(*magnitude) ? mean : magnitude;
}

std::string dtype_name(const Record& record) {
  const auto* value = record.find("dtype");
  const auto* name = value ? std::get_if<std::string>(value) : nullptr;
  return name ? *name : std::string();
}

std::string detail(const Row& row, std::string measured) {
  if (!has_diverged_by_bias(row)) return measured;
  return bias_clause(row) + (measured.empty() ? "" : "; ") + measured;
}

}  // namespace

const Name& Pairs::name(std::size_t index) const {
  const auto& row = rows_[index];
  return row.reference != Row::kNone ? reference_->name(row.reference) : port_->name(row.port);
}

const Moment& Pairs::moment(std::size_t index) const {
  const auto& row = rows_[index];
  return row.reference != Row::kNone ? reference_->moment(row.reference) : port_->moment(row.port);
}

std::uint64_t Pairs::call(std::size_t index) const {
  const auto& row = rows_[index];
  return row.reference != Row::kNone ? reference_->call(row.reference) : port_->call(row.port);
}

RecordKey Pairs::key(std::size_t index) const {
  const auto& row = rows_[index];
  return row.reference != Row::kNone ? reference_->key(row.reference) : port_->key(row.port);
}

bool Pairs::read_reference(std::size_t index, Record& record) const {
  const auto place = rows_[index].reference;
  if (place != Row::kNone) reference_->read_record(place, record);
  return place != Row::kNone;
}

bool Pairs::read_port(std::size_t index, Record& record) const {
  const auto place = rows_[index].port;
  if (place != Row::kNone) port_->read_record(place, record);
  return place != Row::kNone;
}

RecordPair Pairs::records(std::size_t index) const {
  RecordPair pair;
  Record record;
  if (read_reference(index, record)) pair.reference = record;
  if (read_port(index, record)) pair.port = std::move(record);
  return pair;
}

Comparison Pairs::at(std::size_t index) const {
  const auto& row = rows_[index];
  Comparison comparison;
  comparison.key = key(index);
  comparison.status = row.status;
  comparison.error = number_or_none(row.error);
  comparison.threshold = number_or_none(row.threshold);
  comparison.bias = largest_bias(row);
  comparison.by_sketch = row.by_sketch();
  if (noise && row.reference != Row::kNone)
    comparison.floor = number_or_none(noise->floor(row.reference, comparison.key));
  if (comparison.error && comparison.by_sketch) {
    const auto interval = error_interval(*comparison.error, row.is_exact ? 0 : 1 << row.sketch_log2);
    comparison.error_low = interval.low;
    comparison.error_high = interval.high;
  }
  Record reference, port;
  const bool in_reference = read_reference(index, reference), in_port = read_port(index, port);
  comparison.dtype = dtype_name(in_reference ? reference : port);
  if (in_reference) comparison.reference_line = reference_->entry(row.reference).line;
  if (in_port) comparison.port_line = port_->entry(row.port).line;
  if (row.is_pair()) comparison.detail = detail(row, measure(reference, port).detail);
  return comparison;
}

}  // namespace fvhooks::internal
