#include "trace/line_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace fvhooks::internal {
namespace {

constexpr std::size_t kBlock = std::size_t{256} << 10;

Error cannot_read(const std::string& path, int error) {
  return Error{"cannot read trace '" + path + "': " + std::generic_category().message(error)};
}

}  // namespace

LineReader::LineReader(std::size_t max_line) : max_line_(max_line) {}

Expected<LineReader> LineReader::open(const std::string& path, std::size_t max_line) {
  LineReader reader(max_line);
  reader.descriptor_ =
      path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (reader.descriptor_ < 0 || ::fstat(reader.descriptor_, &status) != 0) return cannot_read(path, errno);
  if (S_ISDIR(status.st_mode)) return cannot_read(path, EISDIR);
  if (S_ISREG(status.st_mode)) reader.bytes_total_ = static_cast<std::uint64_t>(status.st_size);
  return reader;
}

LineReader LineReader::from_text(std::string text, std::size_t max_line) {
  LineReader reader(max_line);
  reader.bytes_total_ = text.size();
  reader.text_ = std::move(text);
  return reader;
}

LineReader::LineReader(LineReader&& other) noexcept : max_line_(other.max_line_) { *this = std::move(other); }

LineReader& LineReader::operator=(LineReader&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  text_ = std::move(other.text_);
  max_line_ = other.max_line_;
  buffer_ = std::move(other.buffer_);
  capacity_ = std::exchange(other.capacity_, 0);
  begin_ = std::exchange(other.begin_, 0);
  end_ = std::exchange(other.end_, 0);
  skipping_ = other.skipping_;
  bytes_read_ = other.bytes_read_;
  bytes_total_ = other.bytes_total_;
  error_ = other.error_;
  return *this;
}

LineReader::~LineReader() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::size_t LineReader::read_some(char* to, std::size_t room) {
  if (descriptor_ < 0) {
    const auto length = std::min<std::size_t>(room, text_.size() - bytes_read_);
    std::memcpy(to, text_.data() + bytes_read_, length);
    return length;
  }
  ssize_t result = -1;
  do {
    result = ::read(descriptor_, to, room);
  } while (result < 0 && errno == EINTR);
  if (result < 0) error_ = errno;
  return result < 0 ? 0 : static_cast<std::size_t>(result);
}

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
  begin_ = 0;
  end_ = held;
}

bool LineReader::fill() {
  if (error_ != 0) return false;
  if (capacity_ - end_ < kBlock) make_room();
  const auto length = read_some(buffer_.get() + end_, kBlock);
  end_ += length;
  bytes_read_ += length;
  std::memset(buffer_.get() + end_, 0, kPadding);
  return length > 0;
}

LineReader::Line LineReader::take(std::size_t length, std::size_t newline) {
  Line line{.text = {buffer_.get() + begin_, length}, .complete = newline > 0};
  begin_ += length + newline;
  line.too_long = std::exchange(skipping_, false) || length > max_line_;
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
      skipping_ = true;
      begin_ = end_;
      searched = 0;
    }
    if (fill()) continue;
    if (begin_ == end_ && !skipping_) return std::nullopt;
    return take(end_ - begin_, 0);
  }
}

}  // namespace fvhooks::internal
