// The kernel of a tile gives the scalar oracle's bits on every SIMD target that this machine has.
#include "stats/tile.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "hwy/targets.h"
#include "stats/scalar_oracle.h"
#include "stats/sketch.h"
#include "stats/sketch_hash.h"
#include "stats/test_tensor.h"

namespace fvhooks::internal {
namespace {

constexpr DType kFloats[] = {DType::Float64,  DType::Float32,      DType::Float16,
                             DType::BFloat16, DType::Float8E4M3FN, DType::Float8E5M2};

std::vector<std::int64_t> targets_here() {
  std::vector<std::int64_t> targets;
  for (std::uint64_t rest = static_cast<std::uint64_t>(tile_targets()); rest != 0; rest &= rest - 1) {
    targets.push_back(static_cast<std::int64_t>(rest & -rest));
  }
  return targets;
}

// Makes the dispatcher choose one target, until the end of the scope.
class Forced {
 public:
  explicit Forced(std::int64_t target) { choose(target); }
  ~Forced() { choose(0); }

 private:
  static void choose(std::int64_t targets) {
    hwy::SetSupportedTargetsForTest(targets);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

struct Outcome {
  TileSums sums;
  SketchSums sketch{};

  auto bits() const {
    const auto of = [](double value) {
      return std::bit_cast<std::uint64_t>(std::isnan(value) ? std::nan("") : value + 0.0);
    };
    const auto& [census, moments] = sums;
    const bool has_nan = census.nan > 0;  // then the extremes mean nothing
    return std::tuple(census.nan, census.inf, census.zeros, of(has_nan ? 0 : census.min), of(has_nan ? 0 : census.max),
                      moments.count, of(moments.sum), of(moments.magnitude), of(moments.mean), of(moments.m2),
                      std::bit_cast<std::array<std::uint64_t, kSketchBuckets>>(sketch));
  }
};

Outcome by_kernel(DType dtype, const std::vector<std::byte>& stored, std::size_t count, std::uint64_t tile) {
  Outcome outcome;
  outcome.sums = add_tile(dtype, stored.data(), count, tile, outcome.sketch.data());
  return outcome;
}

Outcome by_oracle(DType dtype, const std::vector<std::byte>& stored, std::size_t count, std::uint64_t tile) {
  Outcome outcome;
  outcome.sums = test::scalar_tile(dtype, stored.data(), count, tile, outcome.sketch.data());
  return outcome;
}

// Bit patterns, of which `kept` bits are random and the others those of one number of the dtype.
std::vector<std::byte> stored_bits(DType dtype, std::size_t count, std::uint64_t seed, std::uint64_t kept) {
  const std::size_t item = item_size(dtype);
  std::vector<std::byte> stored(count * item);
  const std::uint64_t base = mix(seed);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t bits = (mix(seed + 1 + i) & kept) | (base & ~kept);
    std::memcpy(stored.data() + i * item, &bits, item);
  }
  return stored;
}

void expect_the_oracles_bits(DType dtype, const std::vector<std::byte>& stored, std::size_t count, std::uint64_t tile) {
  const auto expected = by_oracle(dtype, stored, count, tile);
  for (const auto target : targets_here()) {
    const Forced forced(target);
    EXPECT_TRUE(by_kernel(dtype, stored, count, tile).bits() == expected.bits())
        << hwy::TargetName(target) << ", " << torch_name(dtype) << ", " << count << " elements";
  }
}

TEST(Tile, IsCompiledForMoreThanOneTarget) {
#if defined(__x86_64__) || defined(__aarch64__)
  EXPECT_GE(targets_here().size(), 1u);
#endif
  for (const auto target : targets_here()) std::printf("target %s\n", hwy::TargetName(target));
}

TEST(Tile, OfEveryLengthHasTheOraclesBits) {
  for (const auto dtype : kFloats) {
    for (std::size_t count = 1; count <= kTile; count += count < 40 || count > kTile - 20 ? 1 : 61) {
      expect_the_oracles_bits(dtype, stored_bits(dtype, count, count, 0xF00FFFFFFFFFBFFF), count, count);
    }
  }
}

RC_GTEST_PROP(Tile, OfAnyBitsHasTheOraclesBits, ()) {
  const auto dtype = *rc::gen::elementOf(std::vector<DType>(std::begin(kFloats), std::end(kFloats)));
  const auto count = *rc::gen::inRange<std::size_t>(1, kTile + 1);
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  // From all bits, NaNs and infinities among them, to a few of the mantissa.
  const auto kept =
      *rc::gen::element<std::uint64_t>(~0ull, 0x800FFFFFBFFF807F, 0x00FFFFFF, 0xFF, 0x8000000080008080, 0);
  const auto tile = *rc::gen::element<std::uint64_t>(0, 1, 63, 64, 1'000'003, 1ull << 40);
  const auto stored = stored_bits(dtype, count, seed, kept);
  const auto expected = by_oracle(dtype, stored, count, tile);
  for (const auto target : targets_here()) {
    const Forced forced(target);
    RC_ASSERT(by_kernel(dtype, stored, count, tile).bits() == expected.bits());
  }
}

TEST(Tile, OfSpecialNumbersHasTheOraclesBits) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::vector<float>> cases = {
      {0.0f, -0.0f},
      {-0.0f},
      {nan},
      {-nan, 1},
      {inf, -inf},
      {inf, 1},
      {-inf},
      {0x1p-31f, 0x1p-31f},
      {0x1p-30f, 0},
      {0x1p60f, 1},
      {0x1.fffffep59f, 1},
      {std::numeric_limits<float>::denorm_min(), -std::numeric_limits<float>::denorm_min()},
      {-1, -2, -3},
      {1, 2, 3},
      {3.4e38f, 3.4e38f},
      {-3.4e38f, 3.4e38f}};
  for (const auto& pattern : cases) {
    for (const std::size_t count : {std::size_t{1}, std::size_t{3}, std::size_t{17}, kTile - 1, kTile}) {
      std::vector<float> values(count);
      for (std::size_t i = 0; i < count; ++i) values[i] = pattern[i % pattern.size()];
      std::vector<std::byte> stored(count * sizeof(float));
      std::memcpy(stored.data(), values.data(), stored.size());
      expect_the_oracles_bits(DType::Float32, stored, count, 5);
      std::vector<double> wide(values.begin(), values.end());
      stored.resize(count * sizeof(double));
      std::memcpy(stored.data(), wide.data(), stored.size());
      expect_the_oracles_bits(DType::Float64, stored, count, 5);
    }
  }
}

TEST(Tile, OfEveryShortNumberDecodesIt) {
  for (const auto dtype : {DType::Float16, DType::BFloat16, DType::Float8E4M3FN, DType::Float8E5M2}) {
    const std::size_t item = item_size(dtype), codes = std::size_t{1} << (8 * item);
    for (std::size_t code = 0; code < codes; ++code) {  // one at a time: a NaN would hide its neighbours
      std::vector<std::byte> stored(item);
      std::memcpy(stored.data(), &code, item);
      const auto kernel = add_tile(dtype, stored.data(), 1, 0, nullptr);
      const auto oracle = test::scalar_tile(dtype, stored.data(), 1, 0, nullptr);
      ASSERT_EQ(kernel.census.nan, oracle.census.nan) << torch_name(dtype) << " " << code;
      if (kernel.census.nan == 0) {
        ASSERT_EQ(kernel.moments.sum, oracle.moments.sum) << torch_name(dtype) << " " << code;
      }
    }
  }
}

}  // namespace
}  // namespace fvhooks::internal
