#include "stats/gather.h"

#include <algorithm>
#include <cstring>

namespace fvhooks::internal {
namespace {

// A constant size makes of each memcpy one load and one store.
template <std::size_t kItemSize>
void copy_run(const std::byte* from, std::int64_t stride, std::size_t count, std::byte* to) {
  const auto step = static_cast<std::ptrdiff_t>(kItemSize) * static_cast<std::ptrdiff_t>(stride);
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(to + i * kItemSize, from + static_cast<std::ptrdiff_t>(i) * step, kItemSize);
  }
}

void copy_run(const std::byte* from, std::int64_t stride, std::size_t count, std::size_t item_size, std::byte* to) {
  if (stride == 1) {
    std::memcpy(to, from, count * item_size);
    return;
  }
  switch (item_size) {
    case 1:
      return copy_run<1>(from, stride, count, to);
    case 2:
      return copy_run<2>(from, stride, count, to);
    case 4:
      return copy_run<4>(from, stride, count, to);
    case 8:
      return copy_run<8>(from, stride, count, to);
    default:
      return copy_run<16>(from, stride, count, to);
  }
}

// Without the allocation that coalescing is.
bool is_contiguous(const TensorView& tensor) {
  std::int64_t stride = 1;
  for (std::size_t i = tensor.sizes.size(); i-- > 0;) {
    if (tensor.sizes[i] == 1) continue;
    if (tensor.strides[i] != stride) return false;
    stride *= tensor.sizes[i];
  }
  return true;
}

}  // namespace

std::vector<Dimension> coalesced(std::span<const std::int64_t> sizes, std::span<const std::int64_t> strides) {
  std::vector<Dimension> dimensions;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 1) continue;
    const bool continues = !dimensions.empty() && dimensions.back().stride == sizes[i] * strides[i];
    if (continues) {
      dimensions.back() = {dimensions.back().size * sizes[i], strides[i]};
    } else {
      dimensions.push_back({sizes[i], strides[i]});
    }
  }
  return dimensions;
}

Gather::Gather(const TensorView& tensor)
    : data_(static_cast<const std::byte*>(tensor.data)), item_size_(item_size(tensor.dtype)) {
  if (!is_contiguous(tensor)) dimensions_ = coalesced(tensor.sizes, tensor.strides);
}

const std::byte* Gather::tile(std::uint64_t first, std::size_t count, Scratch& scratch) const {
  if (dimensions_.empty()) return data_ + first * item_size_;
  const Dimension inner = dimensions_.back();
  const auto inner_size = static_cast<std::uint64_t>(inner.size);
  std::size_t done = 0;
  while (done < count) {
    // Where the run starts: the index in each dimension, innermost first.
    std::uint64_t rest = first + done;
    const std::uint64_t column = rest % inner_size;
    rest /= inner_size;
    std::int64_t offset = static_cast<std::int64_t>(column) * inner.stride;
    for (std::size_t i = dimensions_.size() - 1; i-- > 0;) {
      const auto size = static_cast<std::uint64_t>(dimensions_[i].size);
      offset += static_cast<std::int64_t>(rest % size) * dimensions_[i].stride;
      rest /= size;
    }
    const std::byte* from = data_ + offset * static_cast<std::int64_t>(item_size_);
    const std::size_t run = std::min(count - done, static_cast<std::size_t>(inner_size - column));
    if (run == count && inner.stride == 1) return from;
    copy_run(from, inner.stride, run, item_size_, scratch.bytes.data() + done * item_size_);
    done += run;
  }
  return scratch.bytes.data();
}

}  // namespace fvhooks::internal
