#include "tensor_diff/ulps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fvhooks::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Which bin the difference of two numbers falls in.
std::size_t bin(DType dtype, double a, double b) {
  UlpHistogram histogram(dtype);
  histogram.add(std::abs(b - a), std::max(std::abs(a), std::abs(b)));
  return histogram.counts().size() - 1;
}

TEST(Ulps, NeighboursAreOneApartInEachDtype) {
  EXPECT_EQ(bin(DType::Float32, 1.0f, std::nextafter(1.0f, 2.0f)), 2U);
  EXPECT_EQ(bin(DType::Float64, 1.0, std::nextafter(1.0, 2.0)), 2U);
  EXPECT_EQ(bin(DType::BFloat16, 1.0, 1.0 + 0x1p-7), 2U);
  EXPECT_EQ(bin(DType::Float16, 1.0, 1.0 + 0x1p-10), 2U);
  EXPECT_EQ(bin(DType::Float8E4M3FN, 1.0, 1.125), 2U);
  EXPECT_EQ(bin(DType::Float8E5M2, 1.0, 1.25), 2U);
  EXPECT_EQ(bin(DType::Int32, 7, 8), 2U);
}

TEST(Ulps, WhatRoundingLeavesIsHalfOfOne) {
  EXPECT_EQ(bin(DType::BFloat16, 1.0, 1.0 + 0x1p-8), 1U);
  EXPECT_EQ(bin(DType::BFloat16, 1.0, 1.0 + 0x1p-20), 1U);
  EXPECT_EQ(bin(DType::BFloat16, 1.0, 1.0 + 0x1.1p-8), 2U);
}

TEST(Ulps, BinsEndAtPowersOfTwo) {
  for (const int ulps : {1, 2, 3, 4, 5, 8, 9}) {
    const auto expected = static_cast<std::size_t>(std::ceil(std::log2(ulps))) + 2;
    EXPECT_EQ(bin(DType::Float32, 1.0, 1.0 + ulps * 0x1p-23), expected) << ulps;
    EXPECT_EQ(bin(DType::Int64, 0, ulps), expected) << ulps;
  }
}

TEST(Ulps, SubnormalNumbersAreAsFarApartAsTheSmallestNormalOnes) {
  EXPECT_EQ(bin(DType::Float32, 0, 0x1p-149), 2U);
  EXPECT_EQ(bin(DType::Float32, 0x1p-140, 0x1p-140 + 0x1p-149), 2U);
  EXPECT_EQ(bin(DType::Float64, 0, 0x1p-1074), 2U);
  EXPECT_EQ(bin(DType::Float64, 0, 3 * 0x1p-1074), 4U);
  EXPECT_EQ(bin(DType::Float16, 0, 0x1p-24), 2U);
}

TEST(Ulps, AreOfTheLargerMagnitude) {
  EXPECT_EQ(bin(DType::Float32, 1.0, 0.5), 24U + 0U);  // 2^22 of 2^-23
  EXPECT_EQ(bin(DType::Float32, -1.0, 1.0), 26U);
}

TEST(Ulps, HoweverFarApartTheyAreCounted) {
  EXPECT_EQ(bin(DType::Float64, 0, 1e300), 55U);
  EXPECT_EQ(bin(DType::Int64, -9e18, 9e18), 66U);
}

TEST(Ulps, CountsEndWithTheLastThatIsNotZero) {
  UlpHistogram histogram(DType::Float32);
  EXPECT_THAT(histogram.counts(), IsEmpty());
  histogram.add(0, 1);
  histogram.add(0, 0);
  histogram.add(0x1p-23, 1);
  EXPECT_THAT(histogram.counts(), ElementsAre(2, 0, 1));
  histogram.remove_equal(1);
  EXPECT_THAT(histogram.counts(), ElementsAre(1, 0, 1));
}

TEST(Ulps, TheNarrowerDtypeIsTheOneWithFewerDigits) {
  EXPECT_EQ(narrower(DType::Float32, DType::BFloat16), DType::BFloat16);
  EXPECT_EQ(narrower(DType::Float16, DType::BFloat16), DType::BFloat16);
  EXPECT_EQ(narrower(DType::Float64, DType::Float32), DType::Float32);
  EXPECT_EQ(narrower(DType::Int64, DType::Float32), DType::Float32);
  EXPECT_EQ(narrower(DType::Int64, DType::Int8), DType::Int64);
}

}  // namespace
}  // namespace fvhooks::internal
