#include "trace/append_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

namespace fvhooks::internal {
namespace {

template <class Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// Write's signals are sent to the writing thread, so that holding them back here suffices. One that was pending already
// is somebody else's and stays.
class WriteSignalsHeld {
 public:
  WriteSignalsHeld() noexcept {
    sigemptyset(&raised_by_write_);
    sigaddset(&raised_by_write_, SIGPIPE);
    sigaddset(&raised_by_write_, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &raised_by_write_, &before_);
  }
  ~WriteSignalsHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  WriteSignalsHeld(const WriteSignalsHeld&) = delete;
  WriteSignalsHeld& operator=(const WriteSignalsHeld&) = delete;

  // Takes back the signal that a write which failed with `error` has raised.
  void forget(int error) const noexcept {
    const int signal = error == EPIPE ? SIGPIPE : error == EFBIG ? SIGXFSZ : 0;
    if (signal == 0 || sigismember(&before_, signal) == 1) return;
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal);
    const timespec at_once{};
    retried([&] { return sigtimedwait(&one, nullptr, &at_once); });
  }

 private:
  sigset_t raised_by_write_, before_;
};

// The end of the clock's present tick, some milliseconds: read without a system call.
std::int64_t coarse_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

bool file_sizes_are_limited() noexcept {
  rlimit limit{};
  return ::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY;
}

bool lacks_last_newline(const std::string& path) {
  struct stat status{};
  const int descriptor = retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); });
  if (descriptor < 0) return false;
  char last = '\n';
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
    if (::pread(descriptor, &last, 1, status.st_size - 1) != 1) last = '\n';
  }
  ::close(descriptor);
  return last != '\n';
}

Error cannot(const char* what, const std::string& path, const std::string& why) {
  return Error{std::string("cannot ") + what + " '" + path + "' for the trace: " + why +
               "; FASTVIDEO_TRACE_OUTPUT must name a file that can be appended to"};
}

}  // namespace

Expected<AppendFile> AppendFile::open(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  std::error_code failed;
  if (!parent.empty()) std::filesystem::create_directories(parent, failed);
  if (failed) return cannot("make folder", parent.string(), failed.message());
  AppendFile file;
  file.descriptor_ =
      retried([&] { return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666); });
  if (!file.is_open()) return cannot("open", path, std::generic_category().message(errno));
  struct stat status{};
  file.is_regular_ = ::fstat(file.descriptor_, &status) == 0 && S_ISREG(status.st_mode);
  // Not opened for reading otherwise: a FIFO with a reader of our own would never say that the real one is gone.
  if (file.is_regular_) file.ends_torn_ = lacks_last_newline(path);
  return file;
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), is_regular_(other.is_regular_), ends_torn_(other.ends_torn_) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(is_regular_, other.is_regular_);
  std::swap(ends_torn_, other.ends_torn_);
  std::swap(limit_asked_at_, other.limit_asked_at_);
  return *this;
}

AppendFile::~AppendFile() {
  if (is_open()) ::close(descriptor_);
}

// A regular file raises no SIGPIPE, and SIGXFSZ only where file sizes are limited. To ask for the limit costs as much
// as to hold the signals, a third of the write itself: once a tick of the clock suffices, and after a write that
// failed.
bool AppendFile::may_raise_signals() noexcept {
  if (!is_regular_) return true;
  const auto now = coarse_now();
  if (std::exchange(limit_asked_at_, now) != now) size_is_limited_ = file_sizes_are_limited();
  return size_is_limited_;
}

AppendFile::Outcome AppendFile::append(std::string_view bytes) noexcept {
  std::optional<WriteSignalsHeld> held;
  if (may_raise_signals()) held.emplace();
  const auto result = retried([&] { return ::write(descriptor_, bytes.data(), bytes.size()); });
  if (std::cmp_not_equal(result, bytes.size())) limit_asked_at_ = kNever;
  if (result < 0) {
    const int error = errno;
    if (held) held->forget(error);
    return {0, error};
  }
  const auto reached = static_cast<std::size_t>(result);
  // write says nothing of why it stopped short; of the reasons that there are, only a full disk is common.
  return {reached, reached < bytes.size() ? ENOSPC : 0};
}

}  // namespace fvhooks::internal
