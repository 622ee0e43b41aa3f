#include "core/replacement.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>

namespace fvhooks::internal {
namespace {

std::string unused_name(const std::string& path) {
  static std::atomic<unsigned> count = 0;
  return path + "." + std::to_string(::getpid()) + "." + std::to_string(count++) + ".tmp";
}

}  // namespace

Replacement::Replacement(const std::string& path) : path_(path), temporary_(unused_name(path)) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

Replacement::~Replacement() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!committed_) ::unlink(temporary_.c_str());
}

bool Replacement::write(const void* data, std::size_t size) {
  const auto* next = static_cast<const char*>(data);
  while (size > 0) {
    const auto written = ::write(descriptor_, next, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    next += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool Replacement::commit() { return ::fsync(descriptor_) == 0 && commit_unflushed() && flush_folder(); }

bool Replacement::commit_unflushed() {
  committed_ = ::rename(temporary_.c_str(), path_.c_str()) == 0;
  return committed_;
}

// Only then does the new name survive a power failure.
bool Replacement::flush_folder() const {
  const auto folder = std::filesystem::path(path_).parent_path();
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return errno == EACCES;  // a folder that may be written to but not read cannot be flushed
  const bool flushed = ::fsync(descriptor) == 0 || errno == EINVAL;  // some file systems have no such call
  ::close(descriptor);
  return flushed;
}

}  // namespace fvhooks::internal
