#include <gtest/gtest.h>

#include <thread>

#include "stats/test_tensor.h"

namespace fvhooks {
namespace {

void one_after_the_other(std::size_t count, ParallelWork work, void* context) {
  for (std::size_t i = 0; i < count; ++i) work(context, i);
}

void backwards(std::size_t count, ParallelWork work, void* context) {
  for (std::size_t i = count; i-- > 0;) work(context, i);
}

void by_many_threads(std::size_t count, ParallelWork work, void* context) {
  std::vector<std::jthread> threads;
  for (std::size_t first = 0; first < 7; ++first) {
    threads.emplace_back([=] {
      for (std::size_t i = first; i < count; i += 7) work(context, i);
    });
  }
}

test::TestTensor large_tensor(DType dtype) {
  const std::size_t elements = (std::size_t{1} << 20) + 12345;
  std::vector<std::uint64_t> words(elements * item_size(dtype) / 8);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = (i * 0x9E3779B97F4A7C15u) & 0xBFBFBFBFBFBFBFBF;
  return test::tensor_of(dtype, words);
}

TEST(ParallelFor, ChangesNoBit) {
  for (const auto dtype : {DType::Float32, DType::BFloat16, DType::Int32, DType::Complex64, DType::Float64}) {
    const auto tensor = large_tensor(dtype);
    set_parallel_for(&one_after_the_other);
    const auto expected = test::outcome(tensor);
    for (const auto parallel : {&backwards, &by_many_threads, static_cast<ParallelFor>(nullptr)}) {
      set_parallel_for(parallel);
      EXPECT_EQ(test::outcome(tensor), expected) << torch_name(dtype);
    }
  }
  set_parallel_for(nullptr);
}

TEST(ParallelFor, IsAskedForLargeTensorsOnly) {
  static std::size_t calls;
  calls = 0;
  set_parallel_for([](std::size_t count, ParallelWork work, void* context) {
    ++calls;
    one_after_the_other(count, work, context);
  });
  test::outcome(test::tensor_of(std::vector<float>(100'000, 1.0f)));
  EXPECT_EQ(calls, 0u);
  test::outcome(test::tensor_of(std::vector<float>(1'000'000, 1.0f)));
  EXPECT_EQ(calls, 1u);
  set_parallel_for(nullptr);
}

}  // namespace
}  // namespace fvhooks
