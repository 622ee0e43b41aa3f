#pragma once
// Sums of squared differences along each axis, and over the two largest.
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fvhooks/tensor_diff.h"

namespace fvhooks::internal {

class AxisSums {
 public:
  explicit AxisSums(const std::vector<std::int64_t>& sizes);

  // Of the next elements in row-major order.
  void add(std::span<const double> squares);

  std::vector<AxisErrors> errors(double reference_squares) const;
  std::optional<ErrorMap> map(double reference_squares) const;

 private:
  // An axis, in parts of `width` indices.
  struct Parts {
    Parts(std::int64_t indices, std::int64_t most);
    std::size_t part(std::int64_t index) const noexcept { return static_cast<std::size_t>(index / width); }
    // Of indices from `first` on.
    void add(std::int64_t first, std::span<const double> squares, double* sums) const;
    std::int64_t indices_in(std::size_t part) const noexcept;
    std::int64_t size, width;
    std::size_t count;
  };
  void add_in_row(std::span<const double> squares);
  void advance(std::int64_t elements);
  double relative(double squares, double elements, double reference_squares) const noexcept;

  std::vector<std::int64_t> sizes_;
  double elements_;
  std::vector<Parts> parts_;
  std::vector<std::vector<double>> sums_;  // of each axis
  std::optional<std::size_t> row_axis_, column_axis_;
  std::vector<Parts> map_parts_;  // rows, columns
  std::vector<double> map_;
  std::vector<std::int64_t> index_;  // of the next element
};

}  // namespace fvhooks::internal
