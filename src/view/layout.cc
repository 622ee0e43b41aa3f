#include "view/layout.h"

#include <algorithm>
#include <utility>

#include "stats/gather.h"

namespace fvhooks::internal {

Layout contiguous_layout(std::vector<std::int64_t> sizes) {
  Layout layout{std::move(sizes), {}, 0};
  layout.strides.resize(layout.sizes.size());
  std::int64_t stride = 1;
  for (std::size_t i = layout.sizes.size(); i-- > 0; stride *= std::max<std::int64_t>(layout.sizes[i], 1)) {
    layout.strides[i] = stride;
  }
  return layout;
}

Layout permuted(const Layout& layout, std::span<const std::size_t> order) {
  Layout result{{}, {}, layout.offset};
  for (const auto dimension : order) {
    result.sizes.push_back(layout.sizes[dimension]);
    result.strides.push_back(layout.strides[dimension]);
  }
  return result;
}

Layout sliced(const Layout& layout, std::size_t dimension, std::int64_t from, std::int64_t count, std::int64_t step) {
  auto result = layout;
  // Where nothing is left, nothing lies behind the tensor's end either.
  if (count > 0) result.offset += from * layout.strides[dimension];
  result.sizes[dimension] = count;
  if (count > 1) result.strides[dimension] *= step;
  return result;
}

std::optional<Layout> reshaped(const Layout& layout, std::vector<std::int64_t> sizes) {
  auto result = contiguous_layout(std::move(sizes));
  result.offset = layout.offset;
  if (std::ranges::find(result.sizes, 0) != result.sizes.end()) return result;
  // Each run of elements at one distance is shared out among new dimensions, from the innermost.
  auto runs = coalesced(layout.sizes, layout.strides);
  std::int64_t left = 1;  // elements of the run that no dimension has yet
  for (std::size_t i = result.sizes.size(); i-- > 0;) {
    const auto size = result.sizes[i];
    if (size == 1) continue;
    if (left == 1) left = runs.back().size;
    if (left % size != 0) return std::nullopt;
    result.strides[i] = runs.back().stride * (runs.back().size / left);
    left /= size;
    if (left == 1) runs.pop_back();
  }
  return result;
}

}  // namespace fvhooks::internal
