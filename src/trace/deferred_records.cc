#include "trace/deferred_records.h"

#include <mutex>
#include <utility>

namespace fvhooks::internal {
namespace {

// What asks a failed device is told so by get, later.
bool is_ready(DeferredStats& stats) noexcept {
  try {
    return stats.ready();
  } catch (...) {
    return true;
  }
}

}  // namespace

void DeferredRecords::push(DeferredRecord record) {
  const std::lock_guard lock(mutex_);
  become_child_if_forked();
  waiting_.push_back(std::move(record));
}

std::optional<DeferredRecord> DeferredRecords::take_due() {
  const std::lock_guard lock(mutex_);
  become_child_if_forked();
  if (waiting_.empty() || (waiting_.size() <= kMost && !is_ready(*waiting_.front().stats))) return std::nullopt;
  return take_front();
}

std::optional<DeferredRecord> DeferredRecords::take() {
  const std::lock_guard lock(mutex_);
  become_child_if_forked();
  if (waiting_.empty()) return std::nullopt;
  return take_front();
}

std::optional<DeferredRecord> DeferredRecords::take_front() {
  DeferredRecord front = std::move(waiting_.front());
  waiting_.pop_front();
  return front;
}

void DeferredRecords::become_child_if_forked() {
  if (generation_ == fork_generation()) return;
  generation_ = fork_generation();
  // Leaked: an event or a device's memory must not be given back by a process that has no device.
  if (!waiting_.empty()) static_cast<void>(new std::deque<DeferredRecord>(std::exchange(waiting_, {})));
}

}  // namespace fvhooks::internal
