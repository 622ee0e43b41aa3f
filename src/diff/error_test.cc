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
    EXPECT_NE(measured.buckets, 0);
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
  EXPECT_NE(measured.buckets, 0);
  EXPECT_NEAR(*measured.error, 1e-2, 5e-3);
}

TEST(Error, AgainstAZeroReferenceIsInfinite) {
  const Values zeros(64, 0.0F);
  EXPECT_EQ(*measure(of(zeros), of(random_values(1, 64))).error, std::numeric_limits<double>::infinity());
  EXPECT_EQ(*measure(of(zeros, 0), of(random_values(1, 64), 0)).error, std::numeric_limits<double>::infinity());
}

TEST(Error, OfNaNOnBothSidesAndNothingElseIsIncomparable) {
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  const auto only_nan = with_stats({{"abs_mean", nan}, {"sum", nan}, {"shape", std::vector<std::int64_t>{4}}});
  EXPECT_EQ(measure(only_nan, only_nan).settled, Status::Incomparable);
  const Values all_nan(64, std::numeric_limits<float>::quiet_NaN());
  for (const int buckets : {0, 64}) {
    EXPECT_EQ(measure(of(all_nan, buckets), of(all_nan, buckets)).settled, Status::Incomparable) << buckets;
  }
}

TEST(Error, OfNaNOnBothSidesGoesByTheOtherElements) {
  auto values = random_values(1);
  values[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(measure(of(values), of(values)).settled, Status::Equal);
  auto mask = Values(64, 0.0F);
  mask[0] = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(measure(of(mask), of(mask)).settled, Status::Equal);
}

TEST(Error, OfAStandardDeviationThatIsNaNGoesByTheOtherStatistics) {
  const auto one_element =
      with_stats({{"abs_mean", 2.0}, {"std", std::numeric_limits<double>::quiet_NaN()}});  // NaN of every one element
  EXPECT_EQ(measure(one_element, one_element).settled, Status::Equal);
}

TEST(Error, OfAnOverflowedSketchFallsBackOnStatistics) {
  auto reference = of(random_values(1)), port = of(random_values(2));
  reference.sketch.values[3] = std::numeric_limits<float>::max();
  const auto measured = measure(reference, port);
  EXPECT_EQ(measured.buckets, 0);
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
  EXPECT_EQ(measure(counted, nan).settled, Status::Incomparable)
      << "no count in FastVideo's record is not a count of 0";
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

// 400 trials a size, against the float64 truth: nine in ten of them must lie in the interval, and not by its being
// wide.
TEST(Error, IntervalHoldsTheTruthInNineCasesOfTen) {
  constexpr unsigned kTrials = 400;
  for (const int buckets : {64, 128, 256}) {
    unsigned inside = 0;
    for (unsigned trial = 0; trial < kTrials; ++trial) {
      const auto a = random_values(2 * trial, 4096), noise = random_values(2 * trial + 1, 4096);
      auto b = a;
      double difference = 0, norm = 0;
      for (std::size_t i = 0; i < a.size(); ++i) {
        b[i] += 1e-2F * noise[i];
        difference += std::pow(double{b[i]} - double{a[i]}, 2);
        norm += std::pow(double{a[i]}, 2);
      }
      const double truth = std::sqrt(difference / norm);
      const auto interval = error_interval(*measure(of(a, buckets), of(b, buckets)).error, buckets);
      inside += interval.low <= truth && truth <= interval.high;
    }
    EXPECT_GE(inside, 0.87 * kTrials) << buckets;
    EXPECT_LE(inside, 0.99 * kTrials) << buckets;
  }
}

TEST(Row, HoldsTheSignedBiasesOfMagnitudeAndMean) {
  const auto values = random_values(1);
  auto larger = values, higher = values;
  for (auto& value : larger) value *= 1.5F;
  for (auto& value : higher) value += 8;
  EXPECT_NEAR(measured_row(of(values), of(larger)).abs_mean_bias, 0.5, 1e-6);
  EXPECT_NEAR(measured_row(of(larger), of(values)).abs_mean_bias, -1 / 3.0, 1e-6);
  EXPECT_GT(measured_row(of(values), of(higher)).mean_bias, 5);
  EXPECT_NEAR(measured_row(of(values), of(values)).bias_noise, 1 / std::sqrt(512.0), 1e-6);
}

TEST(Row, IsNarrowerIfThePortsExtremesFitInSixteenBitsAndTheReferencesDoNot) {
  const auto values = random_values(1);
  auto rounded = values;
  for (auto& value : rounded) value = std::ldexp(std::nearbyint(std::ldexp(value, 6)), -6);
  EXPECT_TRUE(measured_row(of(values), of(rounded)).is_narrower);
  EXPECT_FALSE(measured_row(of(rounded), of(values)).is_narrower);
  EXPECT_FALSE(measured_row(of(rounded), of(rounded)).is_narrower);
  EXPECT_FALSE(measured_row(of(values), of(moved(values, 1e-3F))).is_narrower);
}

TEST(Row, IsNarrowerByTheRecordedDtypes) {
  const auto record = [](const char* dtype) { return with_stats({{"abs_mean", 0.1}, {"dtype", std::string(dtype)}}); };
  EXPECT_TRUE(measured_row(record("torch.float32"), record("torch.bfloat16")).is_narrower);
  EXPECT_FALSE(measured_row(record("torch.bfloat16"), record("torch.float32")).is_narrower);
  EXPECT_FALSE(measured_row(record("torch.bfloat16"), record("torch.bfloat16")).is_narrower);
}

}  // namespace
}  // namespace fvhooks::internal
