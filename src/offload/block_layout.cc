#include "offload/block_layout.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "offload/page.h"

namespace fvhooks::internal {
namespace {

constexpr std::uint64_t kSmallGap = std::uint64_t{64} << 10;

bool is_misaligned(const StoredTensor& tensor) { return tensor.offset % tensor.alignment != 0; }

// Nothing else may share the extent of a tensor that is moved: it would be overwritten.
bool are_read_together(const StoredTensor& tensor, const StoredTensor& next) {
  const auto end = tensor.offset + tensor.bytes;
  return tensor.file == next.file && next.offset <= end + kSmallGap && !is_misaligned(tensor) && !is_misaligned(next);
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
    if (!previous || !are_read_together(*previous, tensor)) {
      layout.extents.push_back({tensor.file, page_begin(tensor.offset), 0, layout.bytes});
    }
    auto& extent = layout.extents.back();
    const auto within = static_cast<std::size_t>(tensor.offset - extent.offset);
    extent.needed = std::max(extent.needed, within + static_cast<std::size_t>(tensor.bytes));
    layout.bytes = extent.to + static_cast<std::size_t>(page_end(extent.needed));
    const auto arrives = extent.to + within;
    layout.offsets[index] = arrives / tensor.alignment * tensor.alignment;
    if (layout.offsets[index] != arrives) {
      layout.moves.push_back({arrives, layout.offsets[index], static_cast<std::size_t>(tensor.bytes)});
    }
    previous = &tensor;
  }
  layout.bytes = std::max(layout.bytes, kPageBytes);
  return layout;
}

}  // namespace fvhooks::internal
