#include "stats/gather.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace fvhooks::internal {
namespace {

// Calls function.operator()<size>(): a constant size makes of each memcpy one load and one store.
template <class Function>
void with_item_size(std::size_t item_size, Function function) {
  switch (item_size) {
    case 1:
      return function.template operator()<1>();
    case 2:
      return function.template operator()<2>();
    case 4:
      return function.template operator()<4>();
    case 8:
      return function.template operator()<8>();
    default:
      return function.template operator()<16>();
  }
}

// Strides in bytes.
template <std::size_t kItemSize>
void copy_run(const std::byte* from, std::int64_t stride, std::size_t count, std::byte* to) {
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(to + i * kItemSize, from + static_cast<std::int64_t>(i) * stride, kItemSize);
  }
}

// Rows of `columns` elements, a few columns of all rows at a time: where a column's elements are neighbours in memory,
// each of its cache lines is read at once, not again for each row. No more columns than a cache's set has room for:
// their lines fall into one if the stride is a power of two.
template <std::size_t kItemSize>
void copy_block(const std::byte* from, std::int64_t row_stride, std::int64_t stride, std::size_t rows,
                std::size_t columns, std::byte* to) {
  constexpr std::size_t kTogether = 8;
  const auto copy = [&](std::size_t first, std::size_t some) {
    for (std::size_t row = 0; row < rows; ++row) {
      const auto offset = static_cast<std::int64_t>(row) * row_stride + static_cast<std::int64_t>(first) * stride;
      copy_run<kItemSize>(from + offset, stride, some, to + (row * columns + first) * kItemSize);
    }
  };
  std::size_t column = 0;
  for (; column + kTogether <= columns; column += kTogether) copy(column, kTogether);
  if (column < columns) copy(column, columns - column);
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
    : data_(static_cast<const std::byte*>(tensor.data)),
      item_size_(item_size(tensor.dtype)),
      count_(static_cast<std::uint64_t>(tensor.numel())) {
  if (!is_contiguous(tensor)) dimensions_ = coalesced(tensor.sizes, tensor.strides);
}

const std::byte* Gather::tile(std::uint64_t first, std::size_t count, Scratch& scratch) const {
  if (dimensions_.empty()) return data_ + first * item_size_;
  const auto& inner = dimensions_.back();
  if (inner.stride == 1 &&
      first % static_cast<std::uint64_t>(inner.size) + count <= static_cast<std::uint64_t>(inner.size))
    return address(first);
  if (is_transposed() && gather_band(first, scratch))
    return scratch.band_.get() + (first - scratch.first_) * item_size_;
  gather_rows(first, count, scratch.tile.data());
  return scratch.tile.data();
}

// Whether a row's neighbours in memory are in the next row rather than in itself.
bool Gather::is_transposed() const {
  if (dimensions_.size() < 2 || count_ <= kTile) return false;
  const auto &row = dimensions_[dimensions_.size() - 2], &inner = dimensions_.back();
  return std::abs(row.stride) < std::abs(inner.stride) && static_cast<std::uint64_t>(inner.size) <= kChunk / 2;
}

// Several tiles together, in which rows have neighbours; as many as fit a cache. False: there is no memory for them.
bool Gather::gather_band(std::uint64_t first, Scratch& scratch) const {
  if (scratch.first_ <= first && first < scratch.end_) return true;
  constexpr std::size_t kBytes = std::size_t{256} << 10;
  const std::uint64_t band = std::min(kBytes / item_size_, kChunk);
  if (!scratch.band_) scratch.band_.reset(new (std::nothrow) std::byte[std::min(band, count_) * item_size_]);
  if (!scratch.band_) return false;
  scratch.first_ = first / band * band;
  scratch.end_ = std::min(scratch.first_ + band, count_);
  for (std::uint64_t at = scratch.first_; at < scratch.end_;) {
    at += gather_block(at, static_cast<std::size_t>(scratch.end_ - at),
                       scratch.band_.get() + (at - scratch.first_) * item_size_);
  }
  return true;
}

const std::byte* Gather::address(std::uint64_t index) const {
  std::int64_t offset = 0;
  for (std::size_t i = dimensions_.size(); i-- > 0;) {
    const auto size = static_cast<std::uint64_t>(dimensions_[i].size);
    offset += static_cast<std::int64_t>(index % size) * dimensions_[i].stride;
    index /= size;
  }
  return data_ + offset * static_cast<std::int64_t>(item_size_);
}

void Gather::gather_rows(std::uint64_t first, std::size_t count, std::byte* to) const {
  const auto columns = static_cast<std::uint64_t>(dimensions_.back().size);
  const auto stride = dimensions_.back().stride * static_cast<std::int64_t>(item_size_);
  for (std::size_t done = 0; done < count;) {
    const std::byte* const from = address(first + done);
    const std::size_t run = std::min(count - done, static_cast<std::size_t>(columns - (first + done) % columns));
    std::byte* const here = to + done * item_size_;
    if (dimensions_.back().stride == 1) {
      std::memcpy(here, from, run * item_size_);
    } else {
      with_item_size(item_size_, [&]<std::size_t kItemSize>() { copy_run<kItemSize>(from, stride, run, here); });
    }
    done += run;
  }
}

// The first of `count` elements: whole rows one beside the other, else one row or what is asked for of it. How many.
std::size_t Gather::gather_block(std::uint64_t first, std::size_t count, std::byte* to) const {
  const auto &row = dimensions_[dimensions_.size() - 2], &inner = dimensions_.back();
  const auto columns = static_cast<std::size_t>(inner.size);
  const auto column = static_cast<std::size_t>(first % columns);
  if (column != 0 || count < columns) {
    const std::size_t run = std::min(count, columns - column);
    gather_rows(first, run, to);
    return run;
  }
  const auto row_index = first / columns % static_cast<std::uint64_t>(row.size);
  const std::size_t rows =
      std::min(count / columns, static_cast<std::size_t>(row.size) - static_cast<std::size_t>(row_index));
  const auto item = static_cast<std::int64_t>(item_size_);
  with_item_size(item_size_, [&]<std::size_t kItemSize>() {
    copy_block<kItemSize>(address(first), row.stride * item, inner.stride * item, rows, columns, to);
  });
  return rows * columns;
}

}  // namespace fvhooks::internal
