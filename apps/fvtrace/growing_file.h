#pragma once
// Waits for what is appended to a file, as `tail -f` does.
#include <cstddef>
#include <cstdint>
#include <string>

#include "fvhooks/expected.h"

namespace fvtrace {

class GrowingFile {
 public:
  static fvhooks::Expected<GrowingFile> open(const std::string& path);
  GrowingFile(GrowingFile&& other) noexcept;
  GrowingFile& operator=(GrowingFile&&) = delete;
  ~GrowingFile();

  // Whole lines that were appended since the last call, some megabytes at most; empty if there are none yet. A file
  // that has become shorter was written anew and is read from its beginning.
  fvhooks::Expected<std::string> appended();

 private:
  explicit GrowingFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::string path_;
  int descriptor_ = -1;
  std::uint64_t offset_ = 0;
  std::string rest_;  // of a line whose end is not there yet
};

}  // namespace fvtrace
