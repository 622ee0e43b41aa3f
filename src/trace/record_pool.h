#pragma once
// Records whose memory is used again.
#include <memory>
#include <vector>

#include "core/fork_safe_mutex.h"
#include "fvhooks/record.h"

namespace fvhooks::internal {

// Any thread.
class RecordPool {
 public:
  // A record that was given back, as it was then, else a copy of `prototype`.
  explicit RecordPool(Record prototype) : prototype_(std::move(prototype)) {}
  std::unique_ptr<Record> take();
  void give_back(std::unique_ptr<Record> record) noexcept;

 private:
  const Record prototype_;
  ForkSafeMutex mutex_;
  std::vector<std::unique_ptr<Record>> free_;
};

}  // namespace fvhooks::internal
