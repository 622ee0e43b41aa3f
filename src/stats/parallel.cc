#include "stats/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace fvhooks {
namespace {

constexpr unsigned kMostThreads = 8;  // memory is the limit before that

// Threads of this call alone: none is left for a fork or the end of the process to trip over.
void on_own_threads(std::size_t count, ParallelWork work, void* context) {
  std::atomic<std::size_t> next{0};
  const auto take = [&] {
    for (auto i = next++; i < count; i = next++) work(context, i);
  };
  std::vector<std::jthread> helpers;
  const std::size_t threads = std::min<std::size_t>({std::thread::hardware_concurrency(), kMostThreads, count});
  try {
    for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back(take);
  } catch (const std::exception&) {  // no more threads, or no memory for one: those that there are do it
  }
  take();
}

std::atomic<ParallelFor> current{&on_own_threads};

}  // namespace

void set_parallel_for(ParallelFor parallel) noexcept { current = parallel ? parallel : &on_own_threads; }

ParallelFor internal::parallel_for() noexcept { return current; }

}  // namespace fvhooks
