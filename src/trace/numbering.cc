#include "trace/numbering.h"

#include <sys/random.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>

namespace fvhooks::internal {
namespace {

std::uint32_t random_number() noexcept {
  std::uint32_t number = 0;
  if (::getrandom(&number, sizeof number, GRND_NONBLOCK) == sizeof number) return number;
  // Early in a boot there is no randomness yet: then time and process must tell runs apart.
  const auto ticks = std::chrono::steady_clock::now().time_since_epoch().count();
  return static_cast<std::uint32_t>(ticks) * 0x9E3779B9U ^ static_cast<std::uint32_t>(::getpid());
}

}  // namespace

std::uint32_t run_number() noexcept {
  // Upper half: the generation that it was drawn in, plus 1, so that 0 is none. One word, so that no lock is needed.
  static std::atomic<std::uint64_t> drawn{0};
  const auto stamp = static_cast<std::uint64_t>(fork_generation()) + 1;
  auto current = drawn.load(std::memory_order_relaxed);
  while (current >> 32 != stamp) {
    const auto fresh = stamp << 32 | random_number();
    if (drawn.compare_exchange_weak(current, fresh, std::memory_order_relaxed))
      return static_cast<std::uint32_t>(fresh);
  }
  return static_cast<std::uint32_t>(current);
}

std::size_t Numbering::Hash::operator()(ModuleNameView name) const noexcept {
  const std::hash<std::string_view> hash;
  return hash(name.module) * 31 + hash(name.root);
}

void Numbering::become_child_if_forked() noexcept {
  if (generation_ == fork_generation()) return;
  generation_ = fork_generation();
  seq_ = 0;
  calls_.clear();
}

std::uint64_t Numbering::next_call(std::string_view root, std::string_view module, std::optional<std::int64_t> step) {
  const std::lock_guard lock(mutex_);
  become_child_if_forked();
  auto found = calls_.find(ModuleNameView(root, module));
  if (found == calls_.end()) {
    found = calls_.emplace(ModuleName{std::string(root), std::string(module)}, Calls{}).first;
  }
  auto& calls = found->second;
  return step ? calls.by_step[*step]++ : calls.outside_steps++;
}

Numbering::Place Numbering::next_record() noexcept {
  const std::lock_guard lock(mutex_);
  become_child_if_forked();
  return {run_number(), seq_++};
}

}  // namespace fvhooks::internal
