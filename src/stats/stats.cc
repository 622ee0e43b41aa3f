// Tensor to statistics and sketch: tiles into chunks, chunks into the whole. Chunks know nothing of each other, so that
// threads may take them; what they give is merged in order.
#include "fvhooks/stats.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <vector>

#include "stats/add_tile.h"
#include "stats/float_environment.h"
#include "stats/merge.h"
#include "stats/parallel.h"

namespace fvhooks {
namespace internal {
namespace {

// What a chunk gives. The two parts of its sketch as in Chunk; the second is zero but for complex tensors.
struct ChunkResult {
  Chunk chunk;
  std::array<SketchSums, 2> sketch;
};

void add_chunk(const TileSource& source, std::uint64_t index, Chunk& chunk) {
  const AddTile add_tile = tile_adder(source.tensor.dtype);
  const std::uint64_t end = std::min((index + 1) * kTilesPerChunk, source.tiles());
  Gather::Scratch scratch;
  for (std::uint64_t tile = index * kTilesPerChunk; tile < end; ++tile) add_tile(source, tile, scratch, chunk);
}

void add_chunk(const TileSource& source, std::uint64_t index, bool with_sketch, ChunkResult& result) {
  result.chunk = Chunk();
  if (with_sketch) {
    result.sketch = {};
    result.chunk.sketch = {&result.sketch[0], &result.sketch[1]};
  }
  add_chunk(source, index, result.chunk);
}

void merge(Chunk& into, const Chunk& next) {
  merge(into.moments, next.moments);
  merge(into.census, next.census);
  merge(into.integers, next.integers);
}

void add(SketchSums& into, const SketchSums& next) {
  for (std::size_t bucket = 0; bucket < kSketchBuckets; ++bucket) into[bucket] += next[bucket];
}

void merge(Chunk& whole, SketchSums& sums, const ChunkResult& next) {
  merge(whole, next.chunk);
  for (const auto* const part : next.chunk.sketch) {
    if (part) add(sums, *part);
  }
}

// NaN has one bit pattern in a result, and zero one sign.
double canonical(double value) { return std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value + 0.0; }

TensorStats float_results(const Moments& moments, const Census& census) {
  const auto n = static_cast<double>(moments.count);
  TensorStats stats;
  stats.nan = census.nan;
  stats.inf = census.inf;
  stats.zeros = census.zeros;
  stats.sum = canonical(moments.sum);
  stats.mean = canonical(moments.sum / n);
  stats.abs_mean = canonical(moments.magnitude / n);
  const bool unordered = census.nan > 0;
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  stats.min = unordered ? kNaN : canonical(census.min);
  stats.max = unordered ? kNaN : canonical(census.max);
  stats.abs_max = unordered ? kNaN : canonical(census.abs_max());
  return stats;
}

TensorStats integer_results(const IntegerSums& sums, std::uint64_t count) {
  const auto n = static_cast<double>(count);
  TensorStats stats;
  stats.integral = true;
  stats.zeros = sums.zeros;
  stats.exact_sum = sums.sum;
  stats.exact_min = sums.min;
  stats.exact_max = sums.max;
  stats.exact_abs_max = sums.abs_max();
  stats.sum = static_cast<double>(sums.sum);
  stats.mean = stats.sum / n;
  stats.abs_mean = static_cast<double>(sums.magnitude) / n;
  stats.min = static_cast<double>(sums.min);
  stats.max = static_cast<double>(sums.max);
  stats.abs_max = static_cast<double>(stats.exact_abs_max);
  return stats;
}

void add_spread(TensorStats& stats, const Moments& moments, bool all_finite) {
  const auto n = static_cast<double>(moments.count);
  const bool too_large = all_finite && !std::isfinite(moments.m2);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double std = too_large ? kInfinity : std::sqrt(moments.m2 / (n - 1));
  stats.std = moments.count == 1 ? std::numeric_limits<double>::quiet_NaN() : canonical(std);
  stats.rms = too_large ? kInfinity : canonical(std::sqrt(moments.m2 / n + moments.mean * moments.mean));
}

TensorStats empty_results(bool integral) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  TensorStats stats;
  stats.integral = integral;
  stats.mean = stats.abs_mean = stats.std = stats.rms = kNaN;
  return stats;
}

TensorStats results(const Chunk& whole, std::uint64_t count, bool integral) {
  if (count == 0) return empty_results(integral);
  TensorStats stats = integral ? integer_results(whole.integers, count) : float_results(whole.moments, whole.census);
  add_spread(stats, whole.moments, whole.census.all_finite());
  stats.count = count;
  return stats;
}

// Chunks that are computed at once: enough for any number of threads, few enough to keep their sums in a cache.
constexpr std::uint64_t kWave = 256;
// Below it, waking threads costs more than they save.
constexpr std::uint64_t kFewChunks = 8;

// What one call of the parallel loop works on.
struct Wave {
  const TileSource& source;
  bool with_sketch;
  std::uint64_t first;
  std::vector<ChunkResult> results;

  static void compute(void* wave, std::size_t index) {
    const FloatEnvironment environment;  // of this thread
    auto& [source, with_sketch, first, results] = *static_cast<Wave*>(wave);
    add_chunk(source, first + index, with_sketch, results[index]);
  }
};

void add_all(const TileSource& source, bool with_sketch, Chunk& whole, SketchSums& sums) {
  if (source.chunks() == 1 && !is_complex(source.tensor.dtype)) {  // adding to nothing changes no bit
    if (with_sketch) whole.sketch = {&sums, &sums};
    add_chunk(source, 0, whole);
    return;
  }
  if (source.chunks() < kFewChunks) {
    ChunkResult result;
    for (std::uint64_t i = 0; i < source.chunks(); ++i) {
      add_chunk(source, i, with_sketch, result);
      merge(whole, sums, result);
    }
    return;
  }
  Wave wave{source, with_sketch, 0, {}};
  wave.results.resize(std::min(kWave, source.chunks()));
  for (; wave.first < source.chunks(); wave.first += kWave) {
    const auto count = static_cast<std::size_t>(std::min(kWave, source.chunks() - wave.first));
    parallel_for()(count, &Wave::compute, &wave);
    for (std::size_t i = 0; i < count; ++i) merge(whole, sums, wave.results[i]);
  }
}

// Out of line, so that no arithmetic leaves the FloatEnvironment.
[[gnu::noinline]] TensorStats computed(const TensorView& tensor, int buckets, Sketch* sketch) {
  const TileSource source(tensor);
  Chunk whole;
  SketchSums sums{};
  add_all(source, buckets != 0, whole, sums);
  if (buckets != 0) store_sketch(sums, buckets, *sketch);
  return results(whole, source.count(), is_integral(tensor.dtype));
}

}  // namespace
}  // namespace internal

TensorStats tensor_stats(const TensorView& tensor, int buckets, Sketch* sketch) {
  assert(buckets == 0 || ((buckets == 64 || buckets == 128 || buckets == 256) && sketch != nullptr));
  const internal::FloatEnvironment environment;
  return internal::computed(tensor, buckets, sketch);
}

}  // namespace fvhooks
