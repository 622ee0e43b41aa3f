#include "report/sparkline.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace fvhooks::internal {
namespace {

std::vector<CurvePoint> curve_of(const std::vector<double>& errors, double threshold = 1) {
  std::vector<CurvePoint> points;
  for (const auto error : errors) points.push_back({"m", {}, error, threshold});
  return points;
}

TEST(Sparkline, RisesWithTheLogarithmOfTheError) {
  EXPECT_EQ(sparkline(curve_of({1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1}), 80, false), "▁▂▃▄▅▆▇█");
}

TEST(Sparkline, OfALittleNoiseIsFlat) { EXPECT_EQ(sparkline(curve_of({1e-7, 1.1e-7, 1.05e-7}), 80, false), "▁▁▁"); }

TEST(Sparkline, StandsHighWhereEveryPointIsFarAboveItsThreshold) {
  EXPECT_EQ(sparkline(curve_of({1.6, 1.7, 1.8}, 1e-5), 80, false), "███");
}

TEST(Sparkline, KeepsTheWorstOfNeighboursThatShareAColumn) {
  std::vector<double> errors(100, 1e-7);
  errors[42] = 0.5;
  EXPECT_EQ(sparkline(curve_of(errors), 4, false), "▁█▁▁");
}

TEST(Sparkline, IsRedAboveTheThresholdAndOnlyWhenAsked) {
  const auto points = curve_of({1e-7, 0.5, 0.5, 1e-7}, 1e-3);
  EXPECT_EQ(sparkline(points, 80, true), "▁\x1b[31m██\x1b[0m▁");
  EXPECT_EQ(sparkline(points, 80, false), "▁██▁");
}

TEST(Sparkline, HasAPlaceForZeroInfinityAndNaN) {
  const auto infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(sparkline(curve_of({0, 1e-3, 1e-2, infinity, std::nan("")}, 1e-2), 80, false), "▁▁███");
  EXPECT_EQ(sparkline(curve_of({0, 0}), 80, false), "▁▁");
  EXPECT_EQ(sparkline(curve_of({infinity}), 80, false), "█");
  EXPECT_EQ(sparkline({}, 80, false), "");
}

}  // namespace
}  // namespace fvhooks::internal
