// How much of the time of all statistics and a sketch is reading memory? Prints medians in nanoseconds an element, of
// 16M float32, one thread: {"ours": …, "bound": …}, where bound is the best of several loops that only read.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <new>
#include <random>
#include <vector>

#include "fvhooks/stats.h"

namespace {

constexpr std::size_t kElements = std::size_t{16} << 20;
constexpr std::size_t kWords = kElements / 2;  // of 64 bits
constexpr int kRounds = 15;

using Word = std::uint64_t;
volatile Word sink;  // so that nothing is left out

// XORs do not wait for each other's result; the compiler makes vectors of them.
template <std::size_t kAhead>
Word read_once(const Word* words) {
  std::array<Word, 32> parts{};
  for (std::size_t i = 0; i < kWords; i += parts.size()) {
    if constexpr (kAhead != 0) {
      for (std::size_t line = 0; line < parts.size(); line += 8) __builtin_prefetch(words + i + kAhead / 8 + line);
    }
    for (std::size_t j = 0; j < parts.size(); ++j) parts[j] ^= words[i + j];
  }
  Word all = 0;
  for (const auto part : parts) all ^= part;
  return all;
}

// Four places at a time: more of the memory's banks are busy.
Word read_four_streams(const Word* words) {
  constexpr std::size_t kQuarter = kWords / 4;
  std::array<Word, 32> parts{};
  for (std::size_t i = 0; i < kQuarter; i += 8) {
    for (std::size_t stream = 0; stream < 4; ++stream) {
      for (std::size_t j = 0; j < 8; ++j) parts[8 * stream + j] ^= words[stream * kQuarter + i + j];
    }
  }
  Word all = 0;
  for (const auto part : parts) all ^= part;
  return all;
}

template <class Work>
double nanoseconds(Work work) {
  const auto begin = std::chrono::steady_clock::now();
  sink = work();
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - begin;
  return taken.count() / static_cast<double>(kElements);
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + kRounds / 2, values.end());
  return values[kRounds / 2];
}

}  // namespace

int main() {
  std::vector<float> elements(kElements);
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> some(1 << 20);
  for (auto& value : some) value = normal(random);
  for (std::size_t i = 0; i < kElements; ++i) elements[i] = some[i * 7 % some.size()];

  fvhooks::set_parallel_for([](std::size_t count, fvhooks::ParallelWork work, void* context) {
    for (std::size_t i = 0; i < count; ++i) work(context, i);
  });
  const std::int64_t size = kElements, stride = 1;
  const fvhooks::TensorView tensor{elements.data(), fvhooks::DType::Float32, {&size, 1}, {&stride, 1}};
  const auto* const words = reinterpret_cast<const Word*>(elements.data());
  std::array<std::vector<double>, 5> times;
  for (int round = 0; round < kRounds; ++round) {
    times[0].push_back(nanoseconds([&] {
      fvhooks::Sketch sketch;
      return fvhooks::tensor_stats(tensor, 64, &sketch).zeros;
    }));
    times[1].push_back(nanoseconds([&] { return read_once<0>(words); }));
    times[2].push_back(nanoseconds([&] { return read_once<1024>(words); }));
    times[3].push_back(nanoseconds([&] { return read_once<8192>(words); }));
    times[4].push_back(nanoseconds([&] { return read_four_streams(words); }));
  }
  double bound = median(times[1]);
  for (std::size_t loop = 2; loop < times.size(); ++loop) bound = std::min(bound, median(times[loop]));
  std::printf("{\"ours\": %.4f, \"bound\": %.4f}\n", median(times[0]), bound);
}
