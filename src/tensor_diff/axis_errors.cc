#include "tensor_diff/axis_errors.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fvhooks {

std::int64_t AxisErrors::worst() const noexcept { return (std::ranges::max_element(errors) - errors.begin()) * width; }

namespace internal {

AxisSums::Parts::Parts(std::int64_t indices, std::int64_t most)
    : size(indices),
      width(std::max<std::int64_t>(1, (indices + most - 1) / most)),
      count(static_cast<std::size_t>((indices + width - 1) / width)) {}

std::int64_t AxisSums::Parts::indices_in(std::size_t part) const noexcept {
  return std::min(width, size - static_cast<std::int64_t>(part) * width);
}

void AxisSums::Parts::add(std::int64_t first, std::span<const double> squares, double* sums) const {
  if (width == 1) {
    for (std::size_t i = 0; i < squares.size(); ++i) sums[static_cast<std::size_t>(first) + i] += squares[i];
    return;
  }
  while (!squares.empty()) {
    const auto in_part = squares.first(std::min(squares.size(), static_cast<std::size_t>(width - first % width)));
    sums[part(first)] += std::accumulate(in_part.begin(), in_part.end(), 0.0);
    first += static_cast<std::int64_t>(in_part.size());
    squares = squares.subspan(in_part.size());
  }
}

AxisSums::AxisSums(const std::vector<std::int64_t>& sizes) : sizes_(sizes), index_(sizes.size(), 0) {
  elements_ = std::accumulate(sizes.begin(), sizes.end(), 1.0,
                              [](double n, std::int64_t size) { return n * static_cast<double>(size); });
  std::vector<std::size_t> by_size;
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    parts_.emplace_back(sizes[axis], TensorDiff::kMostParts);
    sums_.emplace_back(parts_.back().count, 0.0);
    if (sizes[axis] > 1) by_size.push_back(axis);
  }
  if (by_size.size() < 2 || elements_ == 0) return;
  std::ranges::stable_sort(by_size, std::greater(), [&](std::size_t axis) { return sizes[axis]; });
  row_axis_ = std::min(by_size[0], by_size[1]);
  column_axis_ = std::max(by_size[0], by_size[1]);
  map_parts_ = {Parts(sizes[*row_axis_], TensorDiff::kMostRows), Parts(sizes[*column_axis_], TensorDiff::kMostColumns)};
  map_.assign(map_parts_[0].count * map_parts_[1].count, 0.0);
}

void AxisSums::add(std::span<const double> squares) {
  if (sizes_.empty()) return;
  while (!squares.empty()) {
    const auto left_in_row = static_cast<std::size_t>(sizes_.back() - index_.back());
    const auto count = std::min(squares.size(), left_in_row);
    add_in_row(squares.first(count));
    advance(static_cast<std::int64_t>(count));
    squares = squares.subspan(count);
  }
}

void AxisSums::add_in_row(std::span<const double> squares) {
  const auto inner = sizes_.size() - 1;
  const auto first = index_.back();
  auto* const map_row = row_axis_ ? &map_[map_parts_[0].part(index_[*row_axis_]) * map_parts_[1].count] : nullptr;

  parts_[inner].add(first, squares, sums_[inner].data());
  const auto sum = std::accumulate(squares.begin(), squares.end(), 0.0);
  for (std::size_t axis = 0; axis < inner; ++axis) sums_[axis][parts_[axis].part(index_[axis])] += sum;
  if (!map_row) return;
  if (column_axis_ == inner) return map_parts_[1].add(first, squares, map_row);
  map_row[map_parts_[1].part(index_[*column_axis_])] += sum;
}

// Never beyond the end of a row.
void AxisSums::advance(std::int64_t elements) {
  index_.back() += elements;
  for (auto axis = sizes_.size() - 1; axis > 0 && index_[axis] == sizes_[axis]; --axis) {
    index_[axis] = 0;
    ++index_[axis - 1];
  }
}

double AxisSums::relative(double squares, double elements, double reference_squares) const noexcept {
  if (squares == 0) return 0;
  return std::sqrt(squares / elements / (reference_squares / elements_));
}

std::vector<AxisErrors> AxisSums::errors(double reference_squares) const {
  std::vector<AxisErrors> axes;
  for (std::size_t axis = 0; axis < sizes_.size(); ++axis) {
    const auto& parts = parts_[axis];
    AxisErrors errors{parts.size, parts.width, {}};
    for (std::size_t i = 0; i < parts.count; ++i) {
      const auto elements = elements_ * static_cast<double>(parts.indices_in(i)) / static_cast<double>(parts.size);
      errors.errors.push_back(relative(sums_[axis][i], elements, reference_squares));
    }
    axes.push_back(std::move(errors));
  }
  return axes;
}

std::optional<ErrorMap> AxisSums::map(double reference_squares) const {
  if (!row_axis_) return std::nullopt;
  const auto& rows = map_parts_[0];
  const auto& columns = map_parts_[1];
  ErrorMap map{*row_axis_, *column_axis_, rows.width, columns.width, rows.count, columns.count, {}};
  const auto elsewhere = elements_ / static_cast<double>(rows.size) / static_cast<double>(columns.size);
  for (std::size_t row = 0; row < rows.count; ++row)
    for (std::size_t column = 0; column < columns.count; ++column) {
      const auto elements = elsewhere * static_cast<double>(rows.indices_in(row) * columns.indices_in(column));
      map.errors.push_back(relative(map_[row * columns.count + column], elements, reference_squares));
    }
  return map;
}

}  // namespace internal
}  // namespace fvhooks
