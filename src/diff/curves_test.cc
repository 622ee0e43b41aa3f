#include "diff/curves.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "diff/testing/toy_transformer.h"
#include "diff/verdict.h"

namespace fvhooks::internal {
namespace {

using testing::Bug;
using testing::traced;

Verdict buggy() { return judge(traced(Bug::None).trace(), traced(Bug::LeafBias, 1e-7F).trace(), {}); }

TEST(Curves, OverDepthHasAPointAModuleInTheOrderOfExecution) {
  const auto curve = buggy().error_over_depth;
  ASSERT_GT(curve.size(), 2U);
  EXPECT_EQ(curve.front().module, "patch");
  EXPECT_EQ(curve.back().module, "");
  const auto guilty = std::find_if(curve.begin(), curve.end(),
                                   [](const CurvePoint& point) { return point.module == "blocks.1.ffn.up"; });
  ASSERT_NE(guilty, curve.end());
  EXPECT_GT(guilty->error, 100 * (guilty - 1)->error);
  EXPECT_GT(guilty->error, *guilty->threshold);
}

TEST(Curves, OverStepsHasAPointAStep) {
  const auto curve = buggy().error_over_steps;
  ASSERT_EQ(curve.size(), 2U);
  EXPECT_EQ(curve[0].step, 0);
  EXPECT_EQ(curve[1].step, 1);
}

TEST(Curves, ThinnedKeepTheLargestOfNeighbours) {
  const auto verdict = buggy();
  const auto all = error_over_depth(*verdict.comparisons), few = error_over_depth(*verdict.comparisons, 5);
  const auto by_error = [](const CurvePoint& a, const CurvePoint& b) { return a.error < b.error; };
  EXPECT_EQ(few.size(), 5U);
  EXPECT_EQ(std::max_element(few.begin(), few.end(), by_error)->module,
            std::max_element(all.begin(), all.end(), by_error)->module);
}

}  // namespace
}  // namespace fvhooks::internal
