#pragma once
// Where the elements of a tensor lie, without the tensor.
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace fvhooks::internal {

struct Layout {
  std::vector<std::int64_t> sizes, strides;  // in elements
  std::int64_t offset = 0;                   // of the first element

  bool operator==(const Layout&) const = default;
};

Layout contiguous_layout(std::vector<std::int64_t> sizes);

// Dimension i of the result is dimension order[i] of the layout. Precondition: `order` is a permutation.
Layout permuted(const Layout& layout, std::span<const std::size_t> order);

// Every `step`-th element from `from` on, `count` of them. Precondition: there are so many.
Layout sliced(const Layout& layout, std::size_t dimension, std::int64_t from, std::int64_t count, std::int64_t step);

// The same elements in the same order. Nullopt: no strides say that, it takes a copy. Precondition: there are as many
// elements.
std::optional<Layout> reshaped(const Layout& layout, std::vector<std::int64_t> sizes);

}  // namespace fvhooks::internal
