#include "growing_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace fvtrace {
namespace {

fvhooks::Error cannot_follow(const std::string& path, const std::string& why) {
  return {"cannot follow trace '" + path + "': " + why};
}
fvhooks::Error cannot_follow(const std::string& path, int error) {
  return cannot_follow(path, std::generic_category().message(error));
}

}  // namespace

fvhooks::Expected<GrowingFile> GrowingFile::open(const std::string& path) {
  GrowingFile file(path, ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (file.descriptor_ < 0 || ::fstat(file.descriptor_, &status) != 0) return cannot_follow(path, errno);
  if (!S_ISREG(status.st_mode)) return cannot_follow(path, "it is no regular file");
  return file;
}

GrowingFile::GrowingFile(GrowingFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      offset_(other.offset_),
      rest_(std::move(other.rest_)) {}

GrowingFile::~GrowingFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

fvhooks::Expected<std::string> GrowingFile::appended() {
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) return cannot_follow(path_, errno);
  if (static_cast<std::uint64_t>(status.st_size) < offset_) {
    offset_ = 0;
    rest_.clear();
  }
  std::string text = std::exchange(rest_, {});
  const auto held = text.size();
  text.resize(held + kBlock);
  const auto length = ::pread(descriptor_, text.data() + held, kBlock, static_cast<off_t>(offset_));
  if (length < 0) return cannot_follow(path_, errno);
  text.resize(held + static_cast<std::size_t>(length));
  offset_ += static_cast<std::uint64_t>(length);
  const auto end = text.rfind('\n');
  const auto whole = end == std::string::npos ? 0 : end + 1;
  rest_ = text.substr(whole);
  text.resize(whole);
  return text;
}

}  // namespace fvtrace
