#include "fvhooks/run.h"

#include <sys/random.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <limits>

#include "core/fork_safe_mutex.h"
#include "core/run_number.h"

namespace fvhooks {
namespace {

constexpr std::int64_t kNoRank = std::numeric_limits<std::int64_t>::min();
std::atomic<std::int64_t> current_rank{kNoRank};

std::uint32_t random_number() noexcept {
  std::uint32_t number = 0;
  if (::getrandom(&number, sizeof number, GRND_NONBLOCK) == sizeof number) return number;
  // Early in a boot there is no randomness yet: then time and process must tell runs apart.
  const auto ticks = std::chrono::steady_clock::now().time_since_epoch().count();
  return static_cast<std::uint32_t>(ticks) * 0x9E3779B9U ^ static_cast<std::uint32_t>(::getpid());
}

}  // namespace

namespace internal {

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

void write_run(std::string& out, std::uint32_t run) {
  constexpr char kHex[] = "0123456789abcdef";
  out.resize(8);
  for (auto digit = out.rbegin(); digit != out.rend(); ++digit, run >>= 4) *digit = kHex[run & 15];
}

}  // namespace internal

std::string run_id() {
  std::string text;
  internal::write_run(text, internal::run_number());
  return text;
}

void set_rank(std::optional<std::int64_t> rank) noexcept {
  current_rank.store(rank.value_or(kNoRank), std::memory_order_relaxed);
}

std::optional<std::int64_t> process_rank() noexcept {
  const auto rank = current_rank.load(std::memory_order_relaxed);
  if (rank == kNoRank) return std::nullopt;
  return rank;
}

}  // namespace fvhooks
