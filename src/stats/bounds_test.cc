// The error bounds of docs/statistics.md, against long double.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <random>

#include "stats/test_tensor.h"

namespace fvhooks {
namespace {

using Values = std::vector<long double>;

struct Reference {
  long double sum = 0, magnitude = 0, mean = 0, std = 0, rms = 0, min = INFINITY, max = -INFINITY;
};

Reference reference(const Values& values) {
  const auto n = static_cast<long double>(values.size());
  Reference result;
  for (const long double value : values) {
    result.sum += value;
    result.magnitude += std::abs(value);
    result.min = std::min(result.min, value);
    result.max = std::max(result.max, value);
  }
  result.mean = result.sum / n;
  // About the first value, so that equal values deviate by nothing.
  long double shifted = 0;
  for (const long double value : values) shifted += value - values[0];
  long double squares = 0, deviations = 0;
  for (const long double value : values) {
    const long double deviation = (value - values[0]) - shifted / n;
    squares += value * value;
    deviations += deviation * deviation;
  }
  result.rms = std::sqrt(squares / n);
  result.std = std::sqrt(deviations / (n - 1));
  return result;
}

enum class Distribution { Normal, HeavyTailed, FarFromZero, Tiny, Huge, Mixed, Constant, Zeros, Alternating, OneSpike };
constexpr Distribution kDistributions[] = {Distribution::Normal,   Distribution::HeavyTailed, Distribution::FarFromZero,
                                           Distribution::Tiny,     Distribution::Huge,        Distribution::Mixed,
                                           Distribution::Constant, Distribution::Zeros,       Distribution::Alternating,
                                           Distribution::OneSpike};

std::vector<double> sample(Distribution distribution, std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double z = normal(random);
    switch (distribution) {
      case Distribution::Normal:
        values[i] = z;
        break;
      case Distribution::HeavyTailed:
        values[i] = std::sinh(3 * z);
        break;
      case Distribution::FarFromZero:
        values[i] = 1e5 + z;
        break;
      case Distribution::Tiny:
        values[i] = z * 1e-30;
        break;
      case Distribution::Huge:
        values[i] = z * 1e35;
        break;
      case Distribution::Mixed:
        values[i] = z * std::pow(10, static_cast<double>(i / 1024 % 5) * 15 - 30);
        break;
      case Distribution::Constant:
        values[i] = 0.1;
        break;
      case Distribution::Zeros:
        values[i] = 0;
        break;
      case Distribution::Alternating:
        values[i] = i % 2 == 0 ? 1e4 : -1e4 + 1e-3 * z;
        break;
      case Distribution::OneSpike:
        values[i] = i == count / 2 ? 1e6 : 1e-3 * z;
        break;
    }
  }
  return values;
}

template <class Stored, class Encode, class Decode>
std::pair<test::TestTensor, Values> encoded(DType dtype, const std::vector<double>& values, Encode encode,
                                            Decode decode) {
  std::vector<Stored> stored;
  Values decoded;
  for (const double value : values) {
    stored.push_back(encode(value));
    decoded.push_back(static_cast<long double>(decode(stored.back())));
  }
  return {test::tensor_of(dtype, stored), decoded};
}

template <class Part, class Encode, class Decode>
std::pair<test::TestTensor, Values> encoded_complex(DType dtype, const std::vector<double>& values, Encode encode,
                                                    Decode decode) {
  std::vector<Part> stored;
  Values decoded;
  for (std::size_t i = 0; i < values.size(); ++i) {
    stored.push_back(encode(values[i]));
    stored.push_back(encode(values[(i + 1) % values.size()]));
    decoded.push_back(std::hypot(static_cast<long double>(decode(stored[2 * i])),
                                 static_cast<long double>(decode(stored[2 * i + 1]))));
  }
  return {test::tensor_of(dtype, stored), decoded};
}

template <class Integer>
std::pair<test::TestTensor, Values> encoded_integers(DType dtype, const std::vector<double>& values) {
  constexpr auto kLow = static_cast<double>(std::numeric_limits<Integer>::min());
  constexpr auto kHigh = static_cast<double>(std::numeric_limits<Integer>::max()) * 0.9999;
  return encoded<Integer>(
      dtype, values,
      [&](double value) { return static_cast<Integer>(std::clamp(std::round(value * 10), kLow, kHigh)); },
      [](Integer value) { return value; });
}

std::pair<test::TestTensor, Values> encoded(DType dtype, const std::vector<double>& values) {
  using namespace internal;
  const auto to_float = [](double value) { return static_cast<float>(value); };
  const auto same = [](double value) { return value; };
  const auto decode = [](auto stored) { return element(stored); };
  switch (dtype) {
    case DType::Float64:
      return encoded<double>(dtype, values, same, decode);
    case DType::Float32:
      return encoded<float>(dtype, values, to_float, decode);
    case DType::Float16:
      return encoded<Half>(dtype, values, test::half, decode);
    case DType::BFloat16:
      return encoded<BrainFloat>(dtype, values, test::brain_float, decode);
    case DType::Float8E4M3FN:
      return encoded<Float8E4M3FN>(dtype, values, test::float8_e4m3fn, decode);
    case DType::Float8E5M2:
      return encoded<Float8E5M2>(dtype, values, test::float8_e5m2, decode);
    case DType::Int64:
      return encoded_integers<std::int64_t>(dtype, values);
    case DType::Int32:
      return encoded_integers<std::int32_t>(dtype, values);
    case DType::Int16:
      return encoded_integers<std::int16_t>(dtype, values);
    case DType::Int8:
      return encoded_integers<std::int8_t>(dtype, values);
    case DType::UInt8:
      return encoded_integers<std::uint8_t>(dtype, values);
    case DType::Bool:
      return encoded<std::uint8_t>(
          dtype, values, [](double value) { return static_cast<std::uint8_t>(value > 0); },
          [](std::uint8_t value) { return value; });
    case DType::Complex32:
      return encoded_complex<Half>(dtype, values, test::half, decode);
    case DType::Complex64:
      return encoded_complex<float>(dtype, values, to_float, decode);
    case DType::Complex128:
      return encoded_complex<double>(dtype, values, same, decode);
  }
  return {};
}

void expect_within_bounds(const TensorStats& stats, const Values& values) {
  const Reference expected = reference(values);
  const auto n = static_cast<long double>(values.size());
  const auto near = [](long double found, long double wanted, long double bound) {
    return found == wanted || std::abs(found - wanted) <= bound;
  };
  const auto relative = [&](long double found, long double wanted) {
    return near(found, wanted, 1e-6L * std::abs(wanted));
  };
  EXPECT_EQ(stats.count, values.size());
  EXPECT_PRED3(near, stats.sum, expected.sum, 1e-7L * expected.magnitude);
  EXPECT_PRED3(near, stats.mean, expected.mean, 1e-7L * expected.magnitude / n);
  EXPECT_PRED2(relative, stats.abs_mean, expected.magnitude / n);
  EXPECT_PRED2(relative, stats.rms, expected.rms);
  if (values.size() > 1) {
    // A modulus is rounded to float64, the reference's is not.
    const long double rounding = 0x1p-52L * expected.rms;
    EXPECT_PRED3(near, stats.std, expected.std, 1e-6L * expected.std + rounding);
  } else {
    EXPECT_TRUE(std::isnan(stats.std));
  }
  EXPECT_PRED2(relative, stats.min, expected.min);
  EXPECT_PRED2(relative, stats.max, expected.max);
  EXPECT_PRED2(relative, stats.abs_max, std::max(-expected.min, expected.max));
}

class Bounds : public testing::TestWithParam<DType> {};

TEST_P(Bounds, HoldForEveryDistributionAroundTileAndChunkBorders) {
  for (const Distribution distribution : kDistributions) {
    for (const std::size_t count : {1u, 2u, 15u, 16u, 17u, 1023u, 1024u, 1025u, 5000u, 65535u, 65536u, 65537u}) {
      SCOPED_TRACE(testing::Message() << "distribution " << static_cast<int>(distribution) << ", " << count);
      const auto [tensor, values] = encoded(GetParam(), sample(distribution, count, count));
      expect_within_bounds(tensor_stats(tensor.view(), 0, nullptr), values);
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryDType, Bounds, testing::ValuesIn(test::kEveryDType), [](const auto& param_info) {
  std::string name(torch_name(param_info.param).substr(6));
  return name;
});

RC_GTEST_PROP(BoundsProperty, HoldForAnyScaleOffsetAndLength, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(2, 4000);
  const auto scale = std::pow(10, *rc::gen::inRange(-30, 30));
  const auto ratio = std::pow(10, *rc::gen::inRange(-3, 6));
  std::mt19937_64 random(*rc::gen::arbitrary<std::uint64_t>());
  std::normal_distribution<double> normal(ratio, 1);
  std::vector<double> values(count);
  for (double& value : values) value = scale * normal(random);
  for (const DType dtype : {DType::Float32, DType::Float64, DType::BFloat16}) {
    const auto [tensor, decoded] = encoded(dtype, values);
    expect_within_bounds(tensor_stats(tensor.view(), 0, nullptr), decoded);
  }
  RC_ASSERT(!testing::Test::HasFailure());
}

}  // namespace
}  // namespace fvhooks
