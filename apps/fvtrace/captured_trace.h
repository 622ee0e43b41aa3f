#pragma once
// A trace made of captures, where there is none of the runs themselves.
#include <string>
#include <utility>

#include "fvhooks/capture.h"
#include "fvhooks/expected.h"

namespace fvtrace {

// A file for traces that goes with the object.
class TemporaryTrace {
 public:
  // Holds the statistics and sketches of all captured tensors. Error: a capture that cannot be read, a full disk.
  static fvhooks::Expected<TemporaryTrace> of(const fvhooks::CaptureDirectory& captures);
  TemporaryTrace(TemporaryTrace&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryTrace& operator=(TemporaryTrace&&) = delete;
  ~TemporaryTrace();

  const std::string& path() const noexcept { return path_; }

 private:
  explicit TemporaryTrace(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace fvtrace
