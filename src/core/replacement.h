#pragma once
// A file that is written whole or not at all.
#include <cstddef>
#include <string>
#include <string_view>

namespace fvhooks::internal {

// A file beside `path` that becomes `path` when committed, and else vanishes. Failures leave their reason in errno.
class Replacement {
 public:
  explicit Replacement(const std::string& path);
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  ~Replacement();

  bool is_open() const noexcept { return descriptor_ >= 0; }
  bool write(const void* data, std::size_t size);
  bool write(std::string_view text) { return write(text.data(), text.size()); }
  bool commit();            // outlives a power failure
  bool commit_unflushed();  // outlives this process

 private:
  bool flush_folder() const;

  std::string path_, temporary_;
  int descriptor_ = -1;
  bool committed_ = false;
};

}  // namespace fvhooks::internal
