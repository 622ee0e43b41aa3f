#pragma once
// A store in memory whose blocks say what they are, with troubles on demand.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "fvhooks/offload.h"

namespace fvhooks {

class FakeTransfer : public Transfer {
 public:
  explicit FakeTransfer(std::vector<std::size_t> sizes) : sizes_(std::move(sizes)), versions_(sizes_.size(), 0) {}

  std::size_t blocks() const noexcept override { return sizes_.size(); }
  std::size_t bytes(std::size_t block) const noexcept override { return sizes_[block]; }
  Expected<std::byte*> allocate(std::size_t bytes) override {
    if (out_of_memory) return Error{"no memory"};
    allocated += bytes;
    return static_cast<std::byte*>(::operator new(bytes, std::align_val_t{4096}));
  }
  void release(std::byte* memory, std::size_t bytes) noexcept override {
    allocated -= bytes;
    ::operator delete(memory, std::align_val_t{4096});
  }
  Expected<std::monostate> fetch(std::size_t block, std::size_t, std::byte* to) override {
    if (delay.count() > 0) std::this_thread::sleep_for(delay);
    if (before_fetch) before_fetch(block);
    if (failures > 0 && failures-- > 0) return Error{"the disk fails at block " + std::to_string(block)};
    ++fetches;
    const std::scoped_lock lock(mutex_);
    std::memset(to, content(block, versions_[block]), sizes_[block]);
    return std::monostate();
  }
  Expected<std::monostate> put(std::size_t block, std::size_t, const std::byte* from) override {
    if (put_failures > 0 && put_failures-- > 0) return Error{"the disk is full"};
    const std::scoped_lock lock(mutex_);
    versions_[block] = (std::to_integer<int>(from[0]) - content(block, 0)) / 64;
    return std::monostate();
  }

  static int content(std::size_t block, int version) { return static_cast<int>(block % 64) + 64 * version; }
  bool holds(const std::byte* data, std::size_t block, int version = 0) const {
    const auto expected = static_cast<std::byte>(content(block, version));
    return std::all_of(data, data + sizes_[block], [&](std::byte value) { return value == expected; });
  }

  std::atomic<std::size_t> fetches{0}, allocated{0};
  std::atomic<int> failures{0}, put_failures{0};  // that many of the next calls fail
  // To be set before an engine is opened.
  std::chrono::microseconds delay{0};
  std::function<void(std::size_t)> before_fetch;
  bool out_of_memory = false;

 private:
  std::vector<std::size_t> sizes_;
  std::mutex mutex_;
  std::vector<int> versions_;
};

}  // namespace fvhooks
