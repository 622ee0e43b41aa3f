#include "core/fork_safe_mutex.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <vector>

namespace fvhooks::internal {
namespace {

std::atomic<std::uint32_t> generation{0};

struct Registry {
  std::mutex mutex;
  std::vector<ForkSafeMutex*> members;
};

void before_fork();
void after_fork_in_parent();
void after_fork_in_child();

// Never destroyed: the process may fork while it ends.
Registry& registry() {
  static auto* const instance = [] {
    ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    return new Registry;
  }();
  return *instance;
}

void before_fork() {
  registry().mutex.lock();
  for (auto* member : registry().members) member->lock();
}

void after_fork_in_parent() {
  for (auto* member : registry().members) member->unlock();
  registry().mutex.unlock();
}

void after_fork_in_child() {
  generation.fetch_add(1, std::memory_order_relaxed);
  after_fork_in_parent();
}

}  // namespace

ForkSafeMutex::ForkSafeMutex() {
  const std::lock_guard lock(registry().mutex);
  registry().members.push_back(this);
}

ForkSafeMutex::~ForkSafeMutex() {
  const std::lock_guard lock(registry().mutex);
  std::erase(registry().members, this);
}

std::uint32_t fork_generation() noexcept {
  static_cast<void>(registry());  // counting starts with the first question
  return generation.load(std::memory_order_relaxed);
}

}  // namespace fvhooks::internal
