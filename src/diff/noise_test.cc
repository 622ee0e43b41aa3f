#include "diff/noise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "diff/testing/toy_transformer.h"
#include "diff/verdict.h"

namespace fvhooks::internal {
namespace {

using testing::Bug;
using testing::traced;

TEST(Noise, OfModulesThatDifferInTheirNumbersIsOneKind) {
  const RecordKey a{"", "blocks.0.attn1.to_q", "out", 0, 0, {}}, b{"", "blocks.17.attn1.to_q", "out", 3, 1, {}};
  const RecordKey other{"", "blocks.0.attn1.to_k", "out", 0, 0, {}},
      input{"", "blocks.0.attn1.to_q", "in[0]", 0, 0, {}};
  EXPECT_EQ(kind_of(a), kind_of(b));
  EXPECT_NE(kind_of(a), kind_of(other));
  EXPECT_NE(kind_of(a), kind_of(input));
}

NoiseFloors floors_of(std::initializer_list<float> noises) {
  const auto reference = traced(Bug::None).trace();
  NoiseFloors floors(reference->size());
  for (const float noise : noises) floors.add(*judge(reference, traced(Bug::None, noise).trace(), {}).comparisons);
  return floors;
}

TEST(Noise, FloorOfARecordIsTheLargestOfItsNoiseTracesAndNoLessThanItsKindsMean) {
  const RecordKey key{"", "blocks.0.attn1.to_q", "out", 0, 0, {}};
  const auto one = floors_of({1e-3F}), two = floors_of({1e-3F, 1e-2F});
  EXPECT_NEAR(one.floor(10, key), 1e-3, 4e-4);
  EXPECT_NEAR(two.floor(10, key), 1e-2, 4e-3);
}

TEST(Noise, FactorFallsWithTheNumberOfTraces) {
  EXPECT_EQ(floors_of({1e-3F}).factor(), 5);
  EXPECT_EQ(floors_of({1e-3F, 1e-3F}).factor(), 4);
}

TEST(Noise, OfTheSameBitsSaysNothing) {
  const RecordKey key{"", "blocks.0.attn1.to_q", "out", 0, 0, {}};
  EXPECT_TRUE(std::isnan(floors_of({0.0F}).threshold(10, key)));
}

}  // namespace
}  // namespace fvhooks::internal
