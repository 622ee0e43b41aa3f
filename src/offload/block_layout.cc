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
  const auto place = [&](const StoredTensor& tensor) {
    const auto& extent = layout.extents.back();
    return extent.to + static_cast<std::size_t>(tensor.offset - extent.offset);
  };
  for (const auto index : in_file_order(tensors)) {
    const auto& tensor = tensors[index];
    if (tensor.bytes == 0) continue;  // any place is good
    if (!previous || !are_neighbours(*previous, tensor) || shift(tensor, place(tensor)) != 0) {
      layout.extents.push_back({tensor.file, page_begin(tensor.offset), 0, layout.bytes});
      layout.extents.back().to += shift(tensor, place(tensor));
    }
    auto& extent = layout.extents.back();
    extent.needed = std::max(extent.needed, static_cast<std::size_t>(tensor.offset - extent.offset + tensor.bytes));
    layout.bytes = static_cast<std::size_t>(page_end(extent.to + extent.needed));
    layout.offsets[index] = place(tensor);
    previous = &tensor;
  }
  layout.bytes = std::max(layout.bytes, kPageBytes);
  return layout;
}

}  // namespace fvhooks::internal
