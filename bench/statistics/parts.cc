// Where the time of a tile of 1024 float32 goes, in the first cache, on the best SIMD target of the machine that
// compiles this: prints nanoseconds an element of each part.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <random>

#define HWY_DISABLED_TARGETS HWY_AVX3_DL  // as in src/stats/tile.cc; one target is compiled here
#include "stats/tile-inl.h"

namespace {

using namespace fvhooks::internal;
namespace kernel = fvhooks::internal::HWY_NAMESPACE;
using Stored = fvhooks::internal::BrainFloat;

constexpr int kRounds = 200, kTilesARound = 300;

// As if it were read, so that it is computed.
template <class T>
void use(const T& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

template <class Part>
void print_time(const char* name, Part part) {
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < kRounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t tile = 0; tile < kTilesARound; ++tile) part(tile);
    const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - begin;
    best = std::min(best, taken.count() / (kTilesARound * double{kTile}));
  }
  std::printf("%-40s %.4f ns/element\n", name, best);
}

}  // namespace

int main() {
  alignas(64) static float x[kTile];
  [[maybe_unused]] alignas(64) static float decoded[kTile];  // GCC 12 overlooks that they are used
  [[maybe_unused]] alignas(64) static double sketch[kSketchBuckets];
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::generate(std::begin(x), std::end(x), [&] { return normal(random); });
  const auto* const stored = reinterpret_cast<const std::byte*>(x);
  const kernel::InPlace<float> floats{x};
  const TileHash hash(3);

  std::printf("%s\n", hwy::TargetName(HWY_TARGET));
  print_time("sums, magnitudes, extremes", [&](auto) { use(kernel::Surveyed<true>(floats, kTile)); });
  print_time("the same of bfloat16, decoded and kept",
             [&](auto) { use(kernel::Surveyed<true>(kernel::Decoding<Stored>{stored, decoded}, kTile)); });
  print_time("deviations and their squares", [&](auto) { use(kernel::DeviationsFrom<true>(0.1f, x, kTile)); });
  print_time("hash", [](auto tile) { use(TileHash(tile)); });
  print_time("sketch", [&](auto) {
    kernel::AddNarrowToSketch(x, 3.0, hash, sketch);
    use(sketch);
  });
  print_time("all but the sketch", [&](auto tile) { use(kernel::FloatTile<true>(floats, kTile, tile, nullptr)); });
  print_time("all", [&](auto tile) { use(kernel::FloatTile<true>(floats, kTile, tile, sketch)); });
}
