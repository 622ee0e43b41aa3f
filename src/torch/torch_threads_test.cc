#include "torch/torch_threads.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <set>
#include <thread>
#include <tuple>
#include <vector>

#include "fvhooks/stats.h"
#include "stats/parallel.h"

namespace fvhooks::internal {
namespace {

class TorchThreads : public testing::Test {
 protected:
  TorchThreads() { use_torch_threads(); }
  ~TorchThreads() override {
    set_parallel_for(nullptr);
    at::set_num_threads(before_);
  }

 private:
  const int before_ = at::get_num_threads();
};

// How often each piece was done, and by whom.
struct Work {
  static constexpr std::size_t kPieces = 100;

  static void take(void* context, std::size_t index) {
    auto& work = *static_cast<Work*>(context);
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    const std::lock_guard lock(work.mutex);
    ++work.times[index];
    work.threads.insert(std::this_thread::get_id());
  }

  std::mutex mutex;
  std::vector<int> times = std::vector<int>(kPieces);
  std::set<std::thread::id> threads;
};

std::size_t threads_used() {
  Work work;
  parallel_for()(Work::kPieces, &Work::take, &work);
  EXPECT_EQ(work.times, std::vector<int>(Work::kPieces, 1));
  return work.threads.size();
}

TEST_F(TorchThreads, AreAsManyAsTorchAllows) {
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    EXPECT_EQ(threads_used(), static_cast<std::size_t>(count));
  }
}

TEST_F(TorchThreads, DoWithoutOthersWithinALoopOfTorch) {
  at::set_num_threads(2);
  std::array<std::size_t, 2> used{};
  parallel_for()(
      used.size(), [](void* context, std::size_t index) { static_cast<std::size_t*>(context)[index] = threads_used(); },
      used.data());
  EXPECT_EQ(used, (std::array<std::size_t, 2>{1, 1}));
}

TEST_F(TorchThreads, ChangeNoBit) {
  std::vector<std::uint16_t> elements((std::size_t{1} << 20) + 777);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    elements[i] = static_cast<std::uint16_t>(0x3C00 + i * 0x9E37 % 0x0400 + (i % 3 == 0 ? 0x8000 : 0));
  }
  const auto size = static_cast<std::int64_t>(elements.size()), stride = std::int64_t{1};
  const TensorView tensor{elements.data(), DType::BFloat16, {&size, 1}, {&stride, 1}};
  const auto bits = [&] {
    Sketch sketch;
    const TensorStats stats = tensor_stats(tensor, 64, &sketch);
    return std::tuple(std::bit_cast<std::uint64_t>(stats.sum), std::bit_cast<std::uint64_t>(stats.std),
                      std::bit_cast<std::array<std::uint32_t, Sketch::kMaxBuckets>>(sketch.values));
  };
  at::set_num_threads(1);
  const auto expected = bits();
  for (const int count : {2, 3}) {
    at::set_num_threads(count);
    EXPECT_EQ(bits(), expected) << count << " threads";
  }
}

}  // namespace
}  // namespace fvhooks::internal
