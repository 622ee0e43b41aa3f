#pragma once
// Records whose statistics a device is still computing, in the order in which they were made.
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "core/fork_safe_mutex.h"
#include "fvhooks/deferred_stats.h"
#include "fvhooks/record.h"

namespace fvhooks::internal {

struct DeferredRecord {
  std::unique_ptr<Record> record;  // complete but for the statistics of values
  std::unique_ptr<DeferredStats> stats;
};

// Any thread. A forked child has none: they are its parent's, and so is the device.
class DeferredRecords {
 public:
  static constexpr std::size_t kMost = 256;

  void push(DeferredRecord record);
  // The oldest, if its statistics are there, or more than kMost wait.
  std::optional<DeferredRecord> take_due();
  // The oldest.
  std::optional<DeferredRecord> take();

 private:
  std::optional<DeferredRecord> take_front();
  void become_child_if_forked();

  ForkSafeMutex mutex_;
  std::uint32_t generation_ = fork_generation();
  std::deque<DeferredRecord> waiting_;
};

}  // namespace fvhooks::internal
