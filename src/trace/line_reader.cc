#include "trace/line_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace fvhooks::internal {
namespace {

constexpr std::size_t kBlock = std::size_t{64} << 10;
constexpr std::size_t kBlockAfterLeap = std::size_t{4} << 10;

}  // namespace

LineReader::LineReader(std::unique_ptr<ByteSource> source, std::size_t max_line)
    : source_(std::move(source)), max_line_(max_line), block_(kBlock) {}

// A block's worth of room behind end_: what is left of the block before moves to the front; a longer line gets more
// memory.
void LineReader::make_room() {
  const auto held = end_ - begin_;
  if (held + kBlock <= capacity_) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, held);
  } else {
    capacity_ = std::max(2 * capacity_, 2 * kBlock);
    auto larger = std::make_unique_for_overwrite<char[]>(capacity_ + kPadding);
    if (held > 0) std::memcpy(larger.get(), buffer_.get() + begin_, held);
    buffer_ = std::move(larger);
  }
  offset_ += begin_;
  begin_ = 0;
  end_ = held;
}

bool LineReader::fill() {
  if (capacity_ - end_ < kBlock) make_room();
  const auto length = source_->read(buffer_.get() + end_, block_);
  block_ = std::min(2 * block_, kBlock);
  end_ += length;
  std::memset(buffer_.get() + end_, 0, kPadding);
  return length > 0;
}

LineReader::Line LineReader::take(std::size_t length, std::size_t newline) {
  Line line{.text = {buffer_.get() + begin_, length}, .offset = offset_ + begin_, .complete = newline > 0};
  begin_ += length + newline;
  if (std::exchange(skipping_, false)) {
    line.offset = skipped_from_;
    line.too_long = true;
  }
  line.too_long |= length > max_line_;
  if (line.too_long) line.text = {};
  return line;
}

std::optional<LineReader::Line> LineReader::next() {
  std::size_t searched = 0;  // bytes from begin_ that hold no newline
  while (true) {
    if (begin_ + searched < end_) {
      const char* from = buffer_.get() + begin_ + searched;
      const auto* newline = static_cast<const char*>(std::memchr(from, '\n', end_ - begin_ - searched));
      if (newline) return take(static_cast<std::size_t>(newline - buffer_.get()) - begin_, 1);
      searched = end_ - begin_;
    }
    if (searched > max_line_) {
      if (!std::exchange(skipping_, true)) skipped_from_ = offset_ + begin_;
      begin_ = end_;
      searched = 0;
    }
    if (fill()) continue;
    if (begin_ == end_ && !skipping_) return std::nullopt;
    return take(end_ - begin_, 0);
  }
}

std::optional<LineReader::Line> LineReader::at(std::uint64_t offset) {
  skipping_ = false;
  if (offset >= offset_ && offset < offset_ + end_) {
    begin_ = static_cast<std::size_t>(offset - offset_);
  } else {
    source_->seek(offset);
    offset_ = offset;
    begin_ = end_ = 0;
    block_ = kBlockAfterLeap;
  }
  return next();
}

}  // namespace fvhooks::internal
