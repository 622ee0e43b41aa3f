#pragma once
// A file that is only appended to, by several processes perhaps.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fvhooks/expected.h"

namespace fvhooks::internal {

class AppendFile {
 public:
  struct Outcome {
    std::size_t bytes = 0;  // that reached the file
    int error = 0;          // errno if it was not all of them
  };

  // Makes parent folders. A FIFO waits for its reader here.
  static Expected<AppendFile> open(const std::string& path);

  AppendFile() = default;
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();

  bool is_open() const noexcept { return descriptor_ >= 0; }
  // The file does not end with a newline: whoever wrote it last was cut short.
  bool ends_torn() const noexcept { return ends_torn_; }

  // One write(2). The signals that it may raise (SIGPIPE, SIGXFSZ) do not reach the process, but for a SIGXFSZ in the
  // few milliseconds after a limit was set that a regular file has passed already.
  Outcome append(std::string_view bytes) noexcept;

 private:
  static constexpr std::int64_t kNever = -1;

  bool may_raise_signals() noexcept;

  int descriptor_ = -1;
  bool is_regular_ = false;
  bool ends_torn_ = false;
  bool size_is_limited_ = true;
  std::int64_t limit_asked_at_ = kNever;
};

}  // namespace fvhooks::internal
