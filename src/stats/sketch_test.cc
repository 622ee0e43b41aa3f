#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <functional>
#include <iostream>
#include <limits>
#include <random>

#include "stats/test_tensor.h"

namespace fvhooks {
namespace {

using Values = std::vector<float>;

Values normal_values(std::size_t count, std::uint64_t seed, double scale = 1) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0, scale);
  Values values(count);
  for (float& value : values) value = static_cast<float>(normal(random));
  return values;
}

Sketch sketch_of(const Values& values, int buckets = 64) {
  return test::outcome(test::tensor_of(values), buckets).sketch;
}

double true_relative_l2(const Values& a, const Values& b) {
  double difference = 0, reference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(double{a[i]} - double{b[i]}, 2);
    reference += std::pow(double{a[i]}, 2);
  }
  return std::sqrt(difference / reference);
}

TEST(Sketch, IsLinear) {
  // Small integers, so that no sum rounds.
  std::mt19937_64 random(1);
  Values a(70000), b(70000), difference(70000);
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<float>(random() % 1000);
    b[i] = static_cast<float>(random() % 1000);
    difference[i] = a[i] - b[i];
  }
  const Sketch of_a = sketch_of(a), of_b = sketch_of(b), of_difference = sketch_of(difference);
  for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(of_a.values[i] - of_b.values[i], of_difference.values[i]);
}

TEST(Sketch, FoldsToFewerBuckets) {
  Values values(70000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 100) - 50;
  const Sketch widest = sketch_of(values, 256);
  for (const int buckets : {64, 128, 256}) EXPECT_EQ(fold(widest, buckets).values, sketch_of(values, buckets).values);
  EXPECT_EQ(fold(fold(widest, 128), 64).values, sketch_of(values, 64).values);
}

RC_GTEST_PROP(SketchProperty, FoldAgreesUpToTheStoredRounding, (std::uint64_t seed)) {
  const Values values = normal_values(*rc::gen::inRange<std::size_t>(1, 3000), seed);
  const Sketch folded = fold(sketch_of(values, 256), 64), direct = sketch_of(values, 64);
  for (std::size_t i = 0; i < 64; ++i) RC_ASSERT(std::abs(folded.values[i] - direct.values[i]) <= 1e-5f);
}

TEST(Sketch, KeepsOneElementWhereverItStands) {
  for (const std::size_t at : {0u, 255u, 256u, 1023u, 1024u, 65535u, 65536u, 69999u}) {
    Values values(70000);
    values[at] = 3;
    const Sketch sketch = sketch_of(values);
    int others = 0;
    double norm = 0;
    for (const float value : sketch.values) {
      others += value == 0 ? 0 : 1;
      norm += double{value} * double{value};
    }
    EXPECT_EQ(others, 1);
    EXPECT_EQ(norm, 9);
  }
}

TEST(Sketch, NonFiniteElementsEnterAsZero) {
  Values clean = normal_values(3000, 3), spoilt = clean;
  for (const std::size_t at : {0u, 700u, 2999u}) clean[at] = 0;
  spoilt[0] = std::numeric_limits<float>::quiet_NaN();
  spoilt[700] = std::numeric_limits<float>::infinity();
  spoilt[2999] = -std::numeric_limits<float>::infinity();
  // Not the same bits: a tile with a non-finite element is wide.
  const Sketch of_clean = sketch_of(clean), of_spoilt = sketch_of(spoilt);
  EXPECT_LT(relative_l2(of_clean, of_spoilt), 1e-6);
}

TEST(Sketch, SaturatesBeyondFloat32AndSaysSo) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  const Sketch huge = test::outcome(test::tensor_of(std::vector<double>(1000, 1e300))).sketch;
  for (const float value : huge.values) EXPECT_TRUE(std::isfinite(value));
  const Sketch ones = test::outcome(test::tensor_of(std::vector<double>(1000, 1))).sketch;
  EXPECT_TRUE(std::isnan(relative_l2(huge, ones)));
  EXPECT_TRUE(std::isnan(relative_l2(ones, huge)));
  EXPECT_TRUE(std::isnan(relative_l2(huge, huge)));

  Sketch one = sketch_of({}, 256);
  one.values[200] = -kLargest;
  one.values[200 - 64] = 1e38f;
  EXPECT_EQ(fold(one, 64).values[200 - 192], -kLargest);
  one.values[200 - 128] = kLargest;
  EXPECT_TRUE(std::isnan(relative_l2(fold(one, 64), fold(ones, 64))));
}

TEST(RelativeL2, OfZeros) {
  const Sketch zero = sketch_of(Values(100)), other = sketch_of(normal_values(100, 1));
  EXPECT_EQ(relative_l2(zero, zero), 0);
  EXPECT_EQ(relative_l2(zero, other), std::numeric_limits<double>::infinity());
  EXPECT_DOUBLE_EQ(relative_l2(other, zero), 1);
  EXPECT_EQ(relative_l2(other, other), 0);
}

TEST(RelativeL2, OfTheSmallestDifferenceIsNotZero) {
  for (const float value : {1.0f, 1.5f, 0x1p-126f, std::numeric_limits<float>::denorm_min()}) {
    for (const float next : {std::nextafter(value, 0.0f), std::nextafter(value, 2.0f)}) {
      Sketch a = sketch_of({}), b = a;
      a.values[5] = value;
      b.values[5] = next;
      const double difference = std::abs(double{value} - double{next}) / double{value};
      EXPECT_GT(relative_l2(a, b), difference / 2) << value << " " << next;
      EXPECT_LE(relative_l2(a, b), difference) << value << " " << next;
    }
  }
}

// An error that a port makes, in activations of 128 tokens x 512 channels (8 heads of 64).
constexpr std::size_t kTokens = 128, kChannels = 512, kHead = 64;
using Mistake = std::function<Values(const Values&, std::uint64_t seed)>;

Values rearranged(const Values& from,
                  const std::function<std::size_t(std::size_t token, std::size_t channel)>& source) {
  Values to(from.size());
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = from[source(i / kChannels, i % kChannels)];
  return to;
}

Values rotated(const Values& from, bool halves) {
  Values to = from;
  for (std::size_t token = 0; token < kTokens; ++token) {
    for (std::size_t i = 0; i < kChannels / 2; ++i) {
      const std::size_t head = i / (kHead / 2) * kHead, pair = i % (kHead / 2);
      const std::size_t row = token * kChannels + head;
      const std::size_t re = row + (halves ? pair : 2 * pair), im = row + (halves ? pair + kHead / 2 : 2 * pair + 1);
      const double angle = static_cast<double>(token) * std::pow(10000, -static_cast<double>(pair) / (kHead / 2));
      const auto c = static_cast<float>(std::cos(angle)), s = static_cast<float>(std::sin(angle));
      to[re] = from[re] * c - from[im] * s;
      to[im] = from[re] * s + from[im] * c;
    }
  }
  return to;
}

Mistake noise(double scale) {
  return [scale](const Values& a, std::uint64_t seed) {
    Values b = normal_values(a.size(), seed + 1'000'000, scale);
    for (std::size_t i = 0; i < a.size(); ++i) b[i] += a[i];
    return b;
  };
}

struct EstimateCase {
  const char* name;
  Mistake mistake;
  double low, high;  // where 5 % and 95 % of estimate / truth must lie
};

class Estimate : public testing::TestWithParam<EstimateCase> {};

TEST_P(Estimate, IsNearTheTruth) {
  constexpr std::uint64_t kTrials = 200;
  std::vector<double> ratios;
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    // Channels of unlike size, as activations have.
    Values a = normal_values(kTokens * kChannels, trial);
    const Values channel_scale = normal_values(kChannels, trial + 5'000'000);
    for (std::size_t i = 0; i < a.size(); ++i) a[i] *= channel_scale[i % kChannels];
    const bool is_rope = std::string_view(GetParam().name).starts_with("Rope");
    const Values reference = is_rope ? rotated(a, false) : a;
    const Values port = GetParam().mistake(a, trial);
    ratios.push_back(relative_l2(sketch_of(reference), sketch_of(port)) / true_relative_l2(reference, port));
  }
  std::sort(ratios.begin(), ratios.end());
  const double low = ratios[kTrials / 20], median = ratios[kTrials / 2], high = ratios[kTrials - kTrials / 20];
  RecordProperty("quantiles", std::to_string(low) + " " + std::to_string(median) + " " + std::to_string(high));
  std::cout << GetParam().name << ": 5 %, median, 95 % = " << low << " " << median << " " << high << "\n";
  EXPECT_NEAR(median, 1, 0.05);
  EXPECT_GT(low, GetParam().low);
  EXPECT_LT(high, GetParam().high);
}

const EstimateCase kEstimateCases[] = {
    {"Noise1e1", noise(1e-1), 0.78, 1.28},
    {"Noise1e3", noise(1e-3), 0.78, 1.28},
    {"Noise1e6", noise(1e-6), 0.78, 1.28},
    {"Noise1e7", noise(1e-7), 0.75, 1.3},
    {"RopeHalf", [](const Values& a, std::uint64_t) { return rotated(a, true); }, 0.78, 1.28},
    {"Transpose",
     [](const Values& a, std::uint64_t) {
       return rearranged(a, [](std::size_t t, std::size_t c) {
         const std::size_t i = t * kChannels + c;
         return i % kTokens * kChannels + i / kTokens;
       });
     },
     0.78, 1.28},
    {"TokenShift",
     [](const Values& a, std::uint64_t) {
       return rearranged(a, [](std::size_t t, std::size_t c) { return (t + 1) % kTokens * kChannels + c; });
     },
     0.78, 1.28},
    {"HeadSwap",
     [](const Values& a, std::uint64_t) {
       return rearranged(a, [](std::size_t t, std::size_t c) { return t * kChannels + (c ^ kHead); });
     },
     0.78, 1.28},
    {"OneChannel",
     [](const Values& a, std::uint64_t seed) {
       Values b = a;
       for (std::size_t t = 0; t < kTokens; ++t) b[t * kChannels + seed % kChannels] *= 1.5f;
       return b;
     },
     0.75, 1.3},
    // The trap of hashes by index alone: every element of the channel in the same bucket, were there no XOR.
    {"OneChannelOfAsManyAsBuckets",
     [](const Values& a, std::uint64_t seed) {
       Values b = a;
       for (std::size_t i = seed % 64; i < b.size(); i += 64) b[i] *= 1.5f;
       return b;
     },
     0.75, 1.3},
    {"OneElement",
     [](const Values& a, std::uint64_t seed) {
       Values b = a;
       b[seed * 317 % b.size()] += 100;
       return b;
     },
     0.78, 1.28},
};

INSTANTIATE_TEST_SUITE_P(Mistakes, Estimate, testing::ValuesIn(kEstimateCases),
                         [](const auto& param_info) { return std::string(param_info.param.name); });

}  // namespace
}  // namespace fvhooks
