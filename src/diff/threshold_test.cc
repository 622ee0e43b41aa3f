#include "diff/threshold.h"

#include <gtest/gtest.h>

namespace fvhooks::internal {
namespace {

Record output_of(const char* dtype) {
  Record record;
  record.tensor = "out";
  if (dtype) record.stats.emplace_back("dtype", std::string(dtype));
  return record;
}

// What a clean port of a 30-block transformer with other kernels was measured to stay below, and what a wrong rotary
// embedding exceeds: the model must lie between.
TEST(Threshold, LiesBetweenACleanPortAndAWrongRotation) {
  constexpr double kFloat32 = 0x1p-23, kBFloat16 = 0x1p-7;
  EXPECT_GT(noise_bound(kFloat32, 20), 4.3e-7);
  EXPECT_GT(noise_bound(kFloat32, 767), 1e-5);
  EXPECT_LT(noise_bound(kFloat32, 10000), 1e-4);
  EXPECT_GT(noise_bound(kBFloat16, 0), 5e-3);
  EXPECT_GT(noise_bound(kBFloat16, 20), 2 * 7.1e-3);
  EXPECT_LT(noise_bound(kBFloat16, 20), 0.05);
  EXPECT_GT(noise_bound(kBFloat16, 767), 2 * 1.2e-2);
  EXPECT_GT(noise_bound(kBFloat16, 4 * 767), 2 * 2.3e-2);
  EXPECT_LT(noise_bound(kBFloat16, 767), 0.1);
}

TEST(Threshold, GrowsWithDepthAndWithEpsilon) {
  EXPECT_LT(noise_bound(1e-7, 1), noise_bound(1e-7, 2));
  EXPECT_LT(noise_bound(1e-7, 1), noise_bound(1e-3, 1));
  EXPECT_LT(noise_bound(0x1p-52, 1), 1e-13);
}

TEST(Threshold, CountsOutputsNotInputs) {
  ThresholdModel model({});
  auto input = output_of("torch.float32");
  input.tensor = "in[0]";
  const double first = model.next(input, nullptr);
  EXPECT_EQ(model.next(output_of("torch.float32"), nullptr), first);
  EXPECT_GT(model.next(input, nullptr), first);
}

TEST(Threshold, OfAFloat32ValueAfterABFloat16OneIsBFloat16s) {
  ThresholdModel model({});
  const auto float32 = output_of("torch.float32"), bfloat16 = output_of("torch.bfloat16");
  EXPECT_LT(model.next(float32, nullptr), 1e-5);
  EXPECT_GT(model.next(bfloat16, nullptr), 5e-3);
  EXPECT_GT(model.next(float32, nullptr), 5e-3);
}

TEST(Threshold, TakesTheWiderOfTwoDtypes) {
  ThresholdModel model({});
  const auto port = output_of("torch.bfloat16");
  EXPECT_GT(model.next(output_of("torch.float32"), &port), 5e-3);
}

TEST(Threshold, OfARankKnowsNothingOfOtherRanks) {
  ThresholdModel model({});
  auto other = output_of("torch.bfloat16");
  other.rank = 1;
  (void)model.next(other, nullptr);
  EXPECT_LT(model.next(output_of("torch.float32"), nullptr), 1e-5);
}

TEST(Threshold, OfARecordWithoutDtypeIsTheAssumedOnesAndCounted) {
  DiffOptions options;
  options.assumed_dtype = DType::BFloat16;
  ThresholdModel assumed(options), usual({});
  const auto record = output_of(nullptr);
  EXPECT_GT(assumed.next(record, nullptr), 5e-3);
  EXPECT_LT(usual.next(record, nullptr), 1e-5);
  EXPECT_EQ(usual.without_dtype(), 1U);
}

TEST(Threshold, OfIntegersThatWereNotRecordedExactlyIsFloat32s) {
  ThresholdModel model({});
  EXPECT_GT(model.next(output_of("torch.int64"), nullptr), 0);
}

TEST(Threshold, AskedForIsUsedEverywhere) {
  DiffOptions options;
  options.rtol = 0.125;
  ThresholdModel model(options);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(model.next(output_of("torch.bfloat16"), nullptr), 0.125);
}

}  // namespace
}  // namespace fvhooks::internal
