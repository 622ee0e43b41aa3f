#include "trace/record_pool.h"

#include <mutex>
#include <utility>

namespace fvhooks::internal {

std::unique_ptr<Record> RecordPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      auto record = std::move(free_.back());
      free_.pop_back();
      return record;
    }
  }
  return std::make_unique<Record>(prototype_);
}

void RecordPool::give_back(std::unique_ptr<Record> record) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(record));
  } catch (...) {  // Then it is freed; nothing is lost but its memory's reuse.
  }
}

}  // namespace fvhooks::internal
