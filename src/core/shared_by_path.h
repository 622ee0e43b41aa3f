#pragma once
// What writers on one path in one process have in common.
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>

#include "core/fork_safe_mutex.h"

namespace fvhooks::internal {

// Two spellings of one file are one file.
inline std::string resolved_path(const std::string& path) {
  std::error_code failed;
  auto full = std::filesystem::weakly_canonical(path, failed);
  return failed ? path : full.string();
}

template <class T>
class SharedByPath {
 public:
  // What is open on `path` by now: `fresh`, which may be null, if nothing was.
  std::shared_ptr<T> adopt(const std::string& path, std::shared_ptr<T> fresh) {
    const std::lock_guard lock(mutex_);
    auto& slot = by_path_[path];
    if (auto already = slot.lock()) return already;
    slot = fresh;
    return fresh;
  }

 private:
  ForkSafeMutex mutex_;
  std::map<std::string, std::weak_ptr<T>> by_path_;
};

}  // namespace fvhooks::internal
