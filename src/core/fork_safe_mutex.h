#pragma once
// fork() copies one thread and every mutex: a mutex that another thread held stays locked in the child for ever.
#include <cstdint>
#include <mutex>

namespace fvhooks::internal {

// A mutex that the forking thread holds during fork(), so that a child finds it free and what it guards whole. A thread
// may hold only one of them at a time, and may neither fork, nor make or destroy one, while it holds one.
class ForkSafeMutex {
 public:
  ForkSafeMutex();
  ~ForkSafeMutex();
  ForkSafeMutex(const ForkSafeMutex&) = delete;
  ForkSafeMutex& operator=(const ForkSafeMutex&) = delete;

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

// How many forks lie between the first process that used this library and this one.
std::uint32_t fork_generation() noexcept;

}  // namespace fvhooks::internal
