#include "offload/block_layout.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "offload/page.h"

namespace fvhooks::internal {
namespace {

constexpr std::uint64_t kSmallGap = std::uint64_t{64} << 10;

// Bytes from where the tensor would be to where it shall be.
std::size_t shift(const StoredTensor& tensor, std::uint64_t address) {
  return static_cast<std::size_t>((tensor.remainder - address) & (tensor.alignment - 1));
}

bool are_neighbours(const StoredTensor& tensor, const StoredTensor& next) {
  return tensor.file == next.file && next.offset <= tensor.offset + tensor.bytes + kSmallGap;
}

std::size_t place_in(const Extent& extent, const StoredTensor& tensor) {
  return extent.to + static_cast<std::size_t>(tensor.offset - extent.offset);
}

bool lies_as_in_file(const Extent& extent) { return extent.to % kPageBytes == extent.offset % kPageBytes; }

// In pages of its own if it may lie in them as it does in the file's; else at the first place behind `end`.
Extent first_of_extent(const StoredTensor& tensor, std::size_t end) {
  const auto in_pages = static_cast<std::size_t>(page_end(end) + tensor.offset % kPageBytes);
  if (shift(tensor, in_pages) == 0) return {tensor.file, tensor.offset, 0, in_pages};
  return {tensor.file, tensor.offset, 0, end + shift(tensor, end)};
}

std::vector<std::size_t> in_file_order(std::span<const StoredTensor> tensors) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(tensors[a].file, tensors[a].offset, a) < std::tie(tensors[b].file, tensors[b].offset, b);
  });
  return order;
}

}  // namespace

BlockLayout lay_out(std::span<const StoredTensor> tensors) {
  BlockLayout layout;
  layout.offsets.resize(tensors.size());
  const StoredTensor* previous = nullptr;
  for (const auto index : in_file_order(tensors)) {
    const auto& tensor = tensors[index];
    if (tensor.bytes == 0) continue;  // any place is good
    if (!previous || !are_neighbours(*previous, tensor) || shift(tensor, place_in(layout.extents.back(), tensor)) != 0)
      layout.extents.push_back(first_of_extent(tensor, layout.bytes));
    auto& extent = layout.extents.back();
    extent.bytes = std::max(extent.bytes, static_cast<std::size_t>(tensor.offset - extent.offset + tensor.bytes));
    layout.bytes = extent.to + extent.bytes;
    if (lies_as_in_file(extent)) layout.bytes = static_cast<std::size_t>(page_end(layout.bytes));
    layout.offsets[index] = place_in(extent, tensor);
    previous = &tensor;
  }
  layout.bytes = std::max(static_cast<std::size_t>(page_end(layout.bytes)), kPageBytes);
  return layout;
}

}  // namespace fvhooks::internal
