#pragma once
// All statistics of a tensor and its sketch, in one pass. Definitions, order of summation and error bounds:
// docs/statistics.md and docs/sketch.md. The same logical tensor gives the same bits, whatever its layout.
#include <array>
#include <cstdint>

#include "fvhooks/tensor_view.h"

namespace fvhooks {

__extension__ typedef __int128 Int128;  // the exact sum of an int64 tensor needs it

struct TensorStats {
  std::uint64_t count = 0;  // elements
  std::uint64_t nan = 0, inf = 0, zeros = 0;
  double sum = 0, mean = 0, abs_mean = 0, std = 0, rms = 0;
  double min = 0, max = 0, abs_max = 0;  // unspecified if count is 0

  // Integers and bool: the same as exact integers.
  bool integral = false;
  Int128 exact_sum = 0;
  Int128 exact_min = 0, exact_max = 0, exact_abs_max = 0;
};

struct Sketch {
  static constexpr int kVersion = 1;
  static constexpr int kMaxBuckets = 256;
  int buckets = 0;                          // 0 (none), 64, 128 or 256
  std::array<float, kMaxBuckets> values{};  // the first `buckets` of them
};

// Runs work(context, 0), …, work(context, count − 1), on any threads and in any order, and returns when all are done.
using ParallelWork = void (*)(void* context, std::size_t index);
using ParallelFor = void (*)(std::size_t count, ParallelWork work, void* context);
// How large tensors are shared among threads from now on, in this process; null: by threads of each call's own, the
// default. Any thread. Results do not depend on it.
void set_parallel_for(ParallelFor parallel) noexcept;

// Statistics of `tensor` and, for buckets = 64, 128 or 256, its sketch (untouched for 0). Reads each element once,
// gathers strided tensors a tile at a time, transposed ones 256 KiB, copies none whole; half a million elements and
// more go to several threads. Any thread; the memory must not change meanwhile.
TensorStats tensor_stats(const TensorView& tensor, int buckets, Sketch* sketch);

// `from` with fewer buckets, by adding. Precondition: buckets is 64, 128 or 256 and at most from.buckets.
Sketch fold(const Sketch& from, int buckets);

// ‖a − b‖ / ‖a‖ estimated from sketches of equal size; 0 if both are zero, infinity if only a is. NaN if either
// overflowed.
double relative_l2(const Sketch& a, const Sketch& b);

}  // namespace fvhooks
