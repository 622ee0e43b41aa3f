#include "trace/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "core/descriptor.h"
#include "trace/zstd_source.h"

namespace fvhooks::internal {
namespace {

std::string message_of(int error) { return std::generic_category().message(error); }

Error cannot_read(const std::string& path, int error) {
  return Error{"cannot read trace '" + path + "': " + message_of(error)};
}

class FileSource : public ByteSource {
 public:
  // `error`: of the source that the file is a copy of.
  FileSource(Descriptor descriptor, std::optional<std::uint64_t> size, std::string error = {})
      : descriptor_(std::move(descriptor)), size_(size), error_at_end_(std::move(error)) {}

  std::size_t read(char* to, std::size_t room) override {
    if (peeked_begin_ != peeked_end_) return take_peeked(to, room);
    if (!error_.empty()) return 0;
    ssize_t result = -1;
    do {
      result = size_ ? ::pread(descriptor_.number(), to, room, static_cast<off_t>(offset_))
                     : ::read(descriptor_.number(), to, room);
    } while (result < 0 && errno == EINTR);
    if (result < 0) error_ = message_of(errno);
    if (result == 0) error_ = error_at_end_;
    if (result <= 0) return 0;
    offset_ += static_cast<std::uint64_t>(result);
    return static_cast<std::size_t>(result);
  }
  std::string error() const override { return error_; }
  std::uint64_t consumed() const noexcept override { return offset_; }
  std::optional<std::uint64_t> total() const noexcept override { return size_; }
  bool can_seek() const noexcept override { return size_.has_value(); }
  void seek(std::uint64_t offset) override {
    peeked_begin_ = peeked_end_ = 0;
    offset_ = offset;
    error_.clear();
  }

  bool starts_with(std::string_view magic) {
    while (peeked_end_ < magic.size()) {
      const auto begin = std::exchange(peeked_begin_, peeked_end_);
      const auto length = read(peeked_.data() + peeked_end_, magic.size() - peeked_end_);
      peeked_begin_ = begin;
      if (length == 0) break;
      peeked_end_ += length;
    }
    return std::string_view(peeked_.data(), peeked_end_) == magic;
  }

 private:
  std::size_t take_peeked(char* to, std::size_t room) {
    const auto length = std::min(room, peeked_end_ - peeked_begin_);
    std::memcpy(to, peeked_.data() + peeked_begin_, length);
    peeked_begin_ += length;
    return length;
  }

  Descriptor descriptor_;
  std::optional<std::uint64_t> size_;
  std::uint64_t offset_ = 0;
  std::array<char, 8> peeked_{};
  std::size_t peeked_begin_ = 0, peeked_end_ = 0;
  std::string error_, error_at_end_;
};

class TextSource : public ByteSource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}

  std::size_t read(char* to, std::size_t room) override {
    const auto length = text_.copy(to, room, offset_);
    offset_ += length;
    return length;
  }
  std::string error() const override { return {}; }
  std::uint64_t consumed() const noexcept override { return offset_; }
  std::optional<std::uint64_t> total() const noexcept override { return text_.size(); }
  bool can_seek() const noexcept override { return true; }
  void seek(std::uint64_t offset) override { offset_ = std::min<std::uint64_t>(offset, text_.size()); }

 private:
  std::string text_;
  std::size_t offset_ = 0;
};

Expected<Descriptor> temporary_file() {
  const char* folder = std::getenv("TMPDIR");
  auto path = std::string(folder && *folder ? folder : "/tmp") + "/fvtrace-XXXXXX";
  Descriptor file(::mkostemp(path.data(), O_CLOEXEC));
  if (file.number() < 0) {
    return Error{"cannot make a temporary file at " + path + " (TMPDIR chooses the folder): " + message_of(errno)};
  }
  ::unlink(path.c_str());
  return file;
}

// 0, or errno.
int write_all(int descriptor, const char* from, std::size_t length) {
  while (length != 0) {
    const auto written = ::write(descriptor, from, length);
    if (written < 0 && errno != EINTR) return errno;
    if (written <= 0) continue;
    from += written;
    length -= static_cast<std::size_t>(written);
  }
  return 0;
}

}  // namespace

Expected<std::unique_ptr<ByteSource>> open_source(const std::string& path) {
  Descriptor descriptor(path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                    : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (descriptor.number() < 0 || ::fstat(descriptor.number(), &status) != 0) return cannot_read(path, errno);
  if (S_ISDIR(status.st_mode)) return cannot_read(path, EISDIR);
  // Standard input may stand anywhere in its file, and be read by others: it is read where it stands.
  const bool is_file = S_ISREG(status.st_mode) && path != "-";
  auto file = std::make_unique<FileSource>(
      std::move(descriptor), is_file ? std::optional(static_cast<std::uint64_t>(status.st_size)) : std::nullopt);
  if (file->starts_with(kZstdMagic)) return zstd_source(std::move(file));
  return std::unique_ptr<ByteSource>(std::move(file));
}

std::unique_ptr<ByteSource> text_source(std::string text) { return std::make_unique<TextSource>(std::move(text)); }

Expected<std::unique_ptr<ByteSource>> seekable(std::unique_ptr<ByteSource> source) {
  if (source->can_seek()) return source;
  auto file = temporary_file();
  if (!file) return file.error();
  std::vector<char> block(std::size_t{256} << 10);
  std::uint64_t size = 0;
  while (const auto length = source->read(block.data(), block.size())) {
    if (const int failed = write_all(file->number(), block.data(), length); failed != 0) {
      return Error{"cannot write a temporary copy of the trace (TMPDIR chooses the folder): " + message_of(failed)};
    }
    size += length;
  }
  return std::unique_ptr<ByteSource>(std::make_unique<FileSource>(*std::move(file), size, source->error()));
}

}  // namespace fvhooks::internal
