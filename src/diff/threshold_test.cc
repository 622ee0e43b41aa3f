#include "diff/threshold.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace fvhooks::internal {
namespace {

constexpr double kFloat32Alone = 3 * 8.5 * 0x1p-23;  // one operation, with the margin
constexpr double kBFloat16Alone = 3 * (0x1p-8 + 0x1p-20);

struct Event {
  const char* module;
  const char* tensor;
  std::optional<DType> dtype = DType::Float32;
  double error = 0;
  std::optional<DType> port_dtype = dtype;
  std::optional<std::int64_t> rank = {};
  std::int64_t step = 0;
};

std::uint8_t code(std::optional<DType> dtype) { return dtype ? static_cast<std::uint8_t>(*dtype) : Row::kNoDType; }

// Bounds of the last of these records.
RoundingModel::Bounds after(const std::vector<Event>& events, DType assumed = DType::Float32,
                            bool port_dtypes_count = false) {
  RoundingModel model(assumed, port_dtypes_count);
  RoundingModel::Bounds bounds;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto& event = events[i];
    Row row;
    row.reference = row.port = static_cast<std::uint32_t>(i);
    row.is_input = std::string_view(event.tensor).starts_with("in");
    row.error = static_cast<float>(event.error);
    row.sketch_log2 = 6;
    row.reference_dtype = code(event.dtype) & 0xF;
    row.port_dtype = code(event.port_dtype) & 0xF;
    row.is_narrower = event.dtype && event.port_dtype && epsilon(*event.port_dtype) > epsilon(*event.dtype);
    bounds = model.next({"", event.module, event.tensor, event.step, 0, event.rank}, row, i);
  }
  return bounds;
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

TEST(Threshold, OfAnOutputWhoseInputsAgreeIsWhatOneOperationMayAdd) {
  EXPECT_DOUBLE_EQ(after({{"a", "in[0]"}, {"a", "out"}}).most, kFloat32Alone);
}

TEST(Threshold, OfAnOutputGrowsWithItsInputsErrorsButNotBeyondWhatDepthAllows) {
  const auto most = [](double error) {
    std::vector<Event> events(80, {"before", "out"});
    events.insert(events.end(), {{"a", "in[0]", DType::Float32, error}, {"a", "out"}});
    return after(events).most;
  };
  EXPECT_NEAR(most(2e-6), 6e-6, 1e-9);
  EXPECT_NEAR(most(1), noise_bound(0x1p-23, 80), 1e-9);
}

TEST(Threshold, OfACallersArgumentGrowsWithWhatTheCallerSawBefore) {
  const auto most = [](double error) {
    return after({{"", "in[0]"}, {"a", "in[0]"}, {"a", "out", DType::Float32, error}, {"b", "in[0]"}}).most;
  };
  EXPECT_DOUBLE_EQ(most(0), kFloat32Alone);
  EXPECT_GT(most(1.2e-6), kFloat32Alone);
}

TEST(Threshold, OfAModelsInputGrowsWithTheErrorOfTheStepBeforeUpToThreefold) {
  const auto most = [](double error) {
    return after({{"", "in[0]"},
                  {"", "out", DType::Float32, error},
                  {"", "in[0]", {DType::Float32}, 0, DType::Float32, {}, 1}})
        .most;
  };
  const double by_depth = noise_bound(0x1p-23, 1);
  EXPECT_DOUBLE_EQ(most(0), by_depth);
  EXPECT_NEAR(most(2e-6), 6e-6, 1e-9);
  EXPECT_DOUBLE_EQ(most(1), 3 * by_depth);
}

TEST(Threshold, OfOneOutputIsNotRaisedByAnother) {
  EXPECT_DOUBLE_EQ(after({{"a", "in[0]"}, {"a", "out[0]", DType::Float32, 1}, {"a", "out[1]"}}).most, kFloat32Alone);
}

TEST(Threshold, CountsOutputsNotInputsAsDepth) {
  const auto most = [](std::vector<Event> events) {
    events.push_back({"z", "in[0]"});  // outermost: nothing is known of what it was made of
    return after(events).most;
  };
  EXPECT_EQ(most({{"a", "in[0]"}, {"a", "in[1]"}}), most({{"a", "in[0]"}}));
  EXPECT_GT(most({{"a", "in[0]"}, {"a", "out"}}), most({{"a", "in[0]"}}));
}

TEST(Threshold, OfAFloat32ModuleBetweenBFloat16OnesIsFloat32s) {
  EXPECT_DOUBLE_EQ(after({{"a", "out", DType::BFloat16}, {"norm", "in[0]"}, {"norm", "out"}}).most, kFloat32Alone);
}

TEST(Threshold, OfWhatAModuleComputesOutOfBFloat16IsBFloat16s) {
  EXPECT_DOUBLE_EQ(after({{"a", "in[0]", DType::BFloat16}, {"a", "out"}}).most, kBFloat16Alone);
}

TEST(Threshold, IsTheReferencesDtypesUnlessThePortIsCoarserThroughout) {
  const std::vector<Event> events = {{"a", "in[0]", DType::Float32, 0, DType::BFloat16},
                                     {"a", "out", DType::Float32, 0, DType::BFloat16}};
  EXPECT_DOUBLE_EQ(after(events).most, kFloat32Alone);
  EXPECT_DOUBLE_EQ(after(events, DType::Float32, true).most, kBFloat16Alone);
}

TEST(Threshold, OfARankKnowsNothingOfOtherRanks) {
  const Event other{"a", "out", DType::BFloat16, 1, DType::BFloat16, 1};
  EXPECT_DOUBLE_EQ(after({other, {"a", "out"}}).most, kFloat32Alone);
}

TEST(Threshold, OfARecordWithoutDtypeIsTheAssumedOnesAndCounted) {
  EXPECT_DOUBLE_EQ(after({{"a", "out", std::nullopt}}, DType::BFloat16).most, kBFloat16Alone);
  EXPECT_DOUBLE_EQ(after({{"a", "out", std::nullopt}}).most, kFloat32Alone);
  RoundingModel model(DType::Float32, false);
  (void)model.next({}, {}, 0);
  EXPECT_EQ(model.without_dtype(), 1U);
}

TEST(Threshold, OfIntegersThatWereNotRecordedExactlyIsFloat32s) {
  EXPECT_DOUBLE_EQ(after({{"a", "out", DType::Int64}}).most, kFloat32Alone);
}

}  // namespace
}  // namespace fvhooks::internal
