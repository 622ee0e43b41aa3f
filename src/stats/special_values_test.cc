#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "stats/test_tensor.h"

namespace fvhooks {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TensorStats stats_of(const std::vector<float>& values) {
  const test::TestTensor tensor = test::tensor_of(values);
  return tensor_stats(tensor.view(), 0, nullptr);
}

TEST(TensorStats, OfNoElementsAreZerosAndNaNs) {
  for (const DType dtype : test::kEveryDType) {
    const std::int64_t sizes[] = {3, 0, 2}, strides[] = {0, 2, 1};
    Sketch sketch;
    const TensorStats stats = tensor_stats({nullptr, dtype, sizes, strides}, 64, &sketch);
    EXPECT_EQ(stats.count, 0u);
    EXPECT_EQ(stats.sum, 0.0);
    EXPECT_EQ(stats.zeros + stats.nan + stats.inf, 0u);
    EXPECT_EQ(stats.integral, is_integral(dtype));
    for (const double value : {stats.mean, stats.abs_mean, stats.std, stats.rms}) EXPECT_TRUE(std::isnan(value));
    EXPECT_EQ(sketch.buckets, 64);
    for (const float value : sketch.values) EXPECT_EQ(value, 0.0f);
  }
}

TEST(TensorStats, OfA0DimTensorAreThoseOfItsElement) {
  const float value = -2.5f;
  const TensorStats stats = tensor_stats({&value, DType::Float32, {}, {}}, 0, nullptr);
  EXPECT_EQ(stats.count, 1u);
  EXPECT_EQ(stats.sum, -2.5);
  EXPECT_EQ(stats.min, -2.5);
  EXPECT_EQ(stats.abs_max, 2.5);
  EXPECT_EQ(stats.rms, 2.5);
  EXPECT_TRUE(std::isnan(stats.std));
}

TEST(TensorStats, NaNMakesEveryValueNaNWhereverItStands) {
  for (const std::size_t at : {0u, 1u, 1000u, 1024u, 2999u}) {
    std::vector<float> values(3000, 1.0f);
    values[at] = kNaN;
    values[(at + 5) % 3000] = 0;
    const TensorStats stats = stats_of(values);
    EXPECT_EQ(stats.nan, 1u);
    EXPECT_EQ(stats.inf, 0u);
    EXPECT_EQ(stats.zeros, 1u);
    for (const double value :
         {stats.sum, stats.mean, stats.abs_mean, stats.std, stats.rms, stats.min, stats.max, stats.abs_max}) {
      EXPECT_EQ(std::bit_cast<std::uint64_t>(value), 0x7FF8000000000000u) << value;
    }
  }
}

TEST(TensorStats, InfinitiesFollowIeee) {
  const TensorStats one = stats_of({1, kInfinity, 2});
  EXPECT_EQ(one.inf, 1u);
  EXPECT_EQ(one.sum, kInfinity);
  EXPECT_EQ(one.max, kInfinity);
  EXPECT_EQ(one.min, 1);
  EXPECT_TRUE(std::isnan(one.std));
  const TensorStats both = stats_of({-kInfinity, kInfinity});
  EXPECT_TRUE(std::isnan(both.sum));
  EXPECT_EQ(both.abs_mean, kInfinity);
  EXPECT_EQ(both.min, -kInfinity);
  EXPECT_EQ(both.abs_max, kInfinity);
}

TEST(TensorStats, MinusZeroIsReportedAsZero) {
  const TensorStats stats = stats_of({-0.0f, -0.0f});
  EXPECT_EQ(stats.zeros, 2u);
  for (const double value : {stats.sum, stats.mean, stats.min, stats.max, stats.abs_max}) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(value), 0u);
  }
}

TEST(TensorStats, Int64IsExactBeyondDoubles) {
  constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
  const auto tensor = test::tensor_of(DType::Int64, std::vector<std::int64_t>{kLowest, kLowest, -1, 7});
  const TensorStats stats = tensor_stats(tensor.view(), 0, nullptr);
  EXPECT_TRUE(stats.integral);
  EXPECT_TRUE(stats.exact_sum == 2 * Int128{kLowest} + 6);
  EXPECT_TRUE(stats.exact_abs_max == -Int128{kLowest});
  EXPECT_TRUE(stats.exact_min == kLowest && stats.exact_max == 7);
  const auto odd = test::tensor_of(DType::Int64, std::vector<std::int64_t>{(1 << 24) + 1});
  EXPECT_EQ(tensor_stats(odd.view(), 0, nullptr).sum, 16777217.0);
}

TEST(TensorStats, BoolBytesOtherThanZeroAreTrue) {
  const auto tensor = test::tensor_of(DType::Bool, std::vector<std::uint8_t>{0, 1, 2, 255});
  const TensorStats stats = tensor_stats(tensor.view(), 0, nullptr);
  EXPECT_TRUE(stats.exact_sum == 3 && stats.exact_max == 1);
  EXPECT_EQ(stats.zeros, 1u);
}

TEST(TensorStats, NegativeFlagNegates) {
  test::TestTensor tensor = test::tensor_of(std::vector<float>{1, 2, -5});
  tensor.negative = true;
  EXPECT_EQ(test::outcome(tensor), test::outcome(test::tensor_of(std::vector<float>{-1, -2, 5})));
}

TEST(TensorStats, ConjugateFlagNegatesImaginaryParts) {
  test::TestTensor tensor = test::tensor_of(DType::Complex64, std::vector<float>{1, 2, -3, 4});
  const test::Outcome plain = test::outcome(tensor);
  tensor.conjugate = true;
  EXPECT_EQ(test::outcome(tensor), test::outcome(test::tensor_of(DType::Complex64, std::vector<float>{1, -2, -3, -4})));
  EXPECT_EQ(test::outcome(tensor).stats.sum, plain.stats.sum);
  EXPECT_NE(test::outcome(tensor), plain);
}

TEST(TensorStats, ModulusNeitherOverflowsNorUnderflowsOnTheWay) {
  const auto modulus = [](double re, double im) { return internal::modulus(re, im); };
  EXPECT_EQ(modulus(3e300, -4e300), 5e300);
  EXPECT_EQ(modulus(3 * 0x1p-1070, 4 * 0x1p-1070), 5 * 0x1p-1070);
  EXPECT_EQ(modulus(kNaN, -kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(modulus(kNaN, 1)));
  EXPECT_EQ(modulus(0, 0), 0);
}

}  // namespace
}  // namespace fvhooks
