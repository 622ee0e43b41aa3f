#include "diff/error.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "diff/testing/traced_run.h"

namespace fvhooks::internal {
namespace {

using testing::random_values;
using testing::record_of;
using testing::Values;

Record with_stats(std::vector<std::pair<std::string, Value>> stats) {
  Record record;
  record.module = "m";
  record.tensor = "out";
  record.stats = std::move(stats);
  return record;
}

Record of(const Values& values, int buckets = 64) { return record_of("m", "out", values, buckets); }

Values moved(Values values, float relative) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= 1 + (i % 2 ? relative : -relative);
  return values;
}

TEST(Error, OfTheSameRecordIsEqual) {
  const auto measured = measure(of(random_values(1)), of(random_values(1)));
  EXPECT_EQ(measured.settled, Status::Equal);
  EXPECT_EQ(measured.error, 0.0);
}

TEST(Error, BySketchEstimatesTheRelativeL2Distance) {
  const auto values = random_values(1, 20000);
  for (const float relative : {1e-5F, 1e-3F, 1e-1F}) {
    const auto measured = measure(of(values, 256), of(moved(values, relative), 256));
    ASSERT_TRUE(measured.error);
    EXPECT_TRUE(measured.by_sketch);
    EXPECT_NEAR(*measured.error / relative, 1, 0.25);
  }
}

TEST(Error, BySketchSeesAPermutationThatStatisticsCannot) {
  const auto values = random_values(1);
  auto reversed = values;
  std::reverse(reversed.begin(), reversed.end());
  EXPECT_GT(*measure(of(values), of(reversed)).error, 0.5);
  EXPECT_LT(*measure(of(values, 0), of(reversed, 0)).error, 1e-6);
}

TEST(Error, FoldsTheLargerSketchOntoTheSmaller) {
  const auto values = random_values(1);
  const auto measured = measure(of(values, 256), of(moved(values, 1e-2F), 64));
  EXPECT_TRUE(measured.by_sketch);
  EXPECT_NEAR(*measured.error, 1e-2, 5e-3);
}

TEST(Error, AgainstAZeroReferenceIsInfinite) {
  const Values zeros(64, 0.0F);
  EXPECT_EQ(*measure(of(zeros), of(random_values(1, 64))).error, std::numeric_limits<double>::infinity());
  EXPECT_EQ(*measure(of(zeros, 0), of(random_values(1, 64), 0)).error, std::numeric_limits<double>::infinity());
}

TEST(Error, OfAnOverflowedSketchFallsBackOnStatistics) {
  auto reference = of(random_values(1)), port = of(random_values(2));
  reference.sketch.values[3] = std::numeric_limits<float>::max();
  const auto measured = measure(reference, port);
  EXPECT_FALSE(measured.by_sketch);
  EXPECT_TRUE(measured.error);
}

TEST(Error, OfAnotherShapeIsShape) {
  const auto measured = measure(of(random_values(1, 8)), of(random_values(1, 9)));
  EXPECT_EQ(measured.settled, Status::Shape);
  EXPECT_EQ(measured.detail, "[8] in the reference, [9] in the port");
}

TEST(Error, OfANaNOnOneSideIsNonFinite) {
  auto values = random_values(1);
  const auto reference = of(values);
  values[0] = std::nanf("");
  EXPECT_EQ(measure(reference, of(values)).settled, Status::NonFinite);
  EXPECT_EQ(measure(of(values), reference).settled, Status::NonFinite);
  EXPECT_EQ(measure(of(values), of(values)).settled, Status::Equal);
}

TEST(Error, OfANaNInFastVideosOwnRecordGoesByTheStatistics) {
  const auto nan = with_stats({{"abs_mean", std::nan("")}, {"sum", std::nan("")}});
  const auto finite = with_stats({{"abs_mean", 1.0}, {"sum", 2.0}});
  EXPECT_EQ(measure(nan, finite).settled, Status::NonFinite);
  auto counted = nan;
  counted.seq = 0;
  counted.nan = 3;
  EXPECT_EQ(measure(counted, nan).settled, Status::Equal) << "no count in FastVideo's record is not a count of 0";
}

TEST(Error, ACancellingSumRaisesNoAlarm) {
  const auto record = [](double sum) {
    return with_stats({{"abs_mean", 1.0}, {"sum", sum}, {"shape", std::vector<std::int64_t>{1000000}}});
  };
  EXPECT_LT(*measure(record(1e-3), record(-2e-3)).error, 1e-8);
}

TEST(Error, ASumWithoutAShapeCannotBeJudged) {
  const auto record = [](double sum) { return with_stats({{"sum", sum}}); };
  EXPECT_EQ(measure(record(1e-3), record(2e-3)).settled, Status::Incomparable);
  EXPECT_EQ(measure(record(1e-3), record(1e-3)).settled, Status::Equal);
}

TEST(Error, OfAConstantTensorsStandardDeviationIsHeldAgainstItsMagnitude) {
  const auto record = [](double std) { return with_stats({{"std", std}, {"abs_mean", 1.0}}); };
  EXPECT_LT(*measure(record(0), record(1e-8)).error, 1e-7);
}

TEST(Error, OfIntegersIsExact) {
  const auto record = [](int sum) { return with_stats({{"sum", Int128{sum}}, {"dtype", std::string("torch.int64")}}); };
  EXPECT_EQ(measure(record(16777217), record(16777217)).settled, Status::Equal);
  EXPECT_EQ(measure(record(16777217), record(16777216)).settled, Status::Diverged);
}

TEST(Error, OfRecordsWithNothingInCommonIsIncomparable) {
  EXPECT_EQ(measure(with_stats({{"min", 1.0}}), with_stats({{"max", 1.0}})).settled, Status::Incomparable);
  EXPECT_EQ(measure(with_stats({}), with_stats({})).settled, Status::Incomparable);
}

TEST(Error, AShapeAloneIsNoEvidenceOfValues) {
  const auto record = with_stats({{"shape", std::vector<std::int64_t>{2}}, {"dtype", std::string("torch.float32")}});
  EXPECT_EQ(measure(record, record).settled, Status::Incomparable);
}

TEST(Error, OfATensorWithoutValuesIsIncomparableAndSaysWhy) {
  const auto record = with_stats({{"sum", std::string("<error: a meta tensor has no values>")}});
  const auto measured = measure(record, record);
  EXPECT_EQ(measured.settled, Status::Incomparable);
  EXPECT_NE(measured.detail.find("meta tensor"), std::string::npos);
}

TEST(Error, OfEmptyTensorsOfOneShapeIsEqual) { EXPECT_EQ(measure(of({}), of({})).settled, Status::Equal); }

TEST(Error, NamesTheDtypesWhereTheyDiffer) {
  auto reference = of(random_values(1)), port = of(moved(random_values(1), 1e-3F));
  for (auto& [name, value] : port.stats) {
    if (name == "dtype") value = std::string("torch.bfloat16");
  }
  EXPECT_NE(measure(reference, port).detail.find("torch.float32 in the reference, torch.bfloat16 in the port"),
            std::string::npos);
}

}  // namespace
}  // namespace fvhooks::internal
