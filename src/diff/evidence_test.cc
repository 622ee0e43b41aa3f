#include "diff/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "diff/testing/toy_transformer.h"
#include "diff/verdict.h"

namespace fvhooks::internal {
namespace {

using testing::Bug;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::random_values;
using testing::trace_of;
using testing::traced;
using testing::TracedRun;
using testing::Values;

// One module, once a step, whose output is `factor` times what it should be, with rounding of 2e-7.
SharedTrace scaled_in_each_step(double factor, std::int64_t steps, unsigned seed) {
  TracedRun run;
  std::mt19937 engine(seed);
  std::normal_distribution<float> rounding(0, 2e-7F);
  for (std::int64_t step = 0; step < steps; ++step) {
    run.step = step;
    const auto input = random_values(static_cast<unsigned>(step));
    auto output = input;
    for (auto& value : output) value = static_cast<float>(value * factor * (1 + double{rounding(engine)}));
    const auto root = run.enter("", {input});
    run.leave(root, run.leaf("norm", {input}, output));
  }
  return run.trace();
}

Verdict verdict_on_factor(double factor, std::int64_t steps, unsigned seed = 1) {
  return judge(scaled_in_each_step(1, steps, 77), scaled_in_each_step(factor, steps, seed), {});
}

RC_GTEST_PROP(Evidence, RaisesNoAlarmOnCleanRuns, ()) {
  const auto noise = static_cast<float>(*rc::gen::inRange(0, 4)) * 1e-7F;
  const bool inputs = *rc::gen::arbitrary<bool>(), root = *rc::gen::arbitrary<bool>();
  auto port = traced(Bug::None, noise, inputs, root, *rc::gen::arbitrary<unsigned>());
  RC_ASSERT(judge(traced(Bug::None, 0, inputs, root).trace(), port.trace(), {}).passed);
}

RC_GTEST_PROP(Evidence, TakesNoRoundingForABias, ()) {
  const auto steps = *rc::gen::inRange<std::int64_t>(1, 12);
  RC_ASSERT(verdict_on_factor(1, steps, *rc::gen::arbitrary<unsigned>()).passed);
}

TEST(Evidence, OfABiasBelowTheThresholdOfErrorsIsSystematic) {
  const auto verdict = verdict_on_factor(1 + 1.5e-6, 4);
  ASSERT_FALSE(verdict.passed);
  EXPECT_EQ(verdict.introducer->module, "norm");
  EXPECT_EQ(verdict.introducer->step, 0);
  const auto first = verdict.comparison(*verdict.first_diverged);
  EXPECT_LT(*first.error, *first.threshold);
  EXPECT_THAT(first.detail, HasSubstr("its magnitude is"));
  EXPECT_THAT(first.detail, HasSubstr("higher"));
}

TEST(Evidence, OfABiasIsNotAskedForWithAnExplicitTolerance) {
  DiffOptions options;
  options.rtol = 3e-6;
  const auto verdict = judge(scaled_in_each_step(1, 4, 77), scaled_in_each_step(1 + 1.5e-6, 4, 1), options);
  EXPECT_TRUE(verdict.passed);
  EXPECT_THAT(verdict.threshold_source, HasSubstr("as asked"));
}

TEST(Evidence, OfAToleranceHoldsForEveryRecord) {
  DiffOptions options;
  options.rtol = 0.5;
  const auto verdict = judge(traced(Bug::None).trace(), traced(Bug::LeafBias, 1e-7F).trace(), options);
  EXPECT_TRUE(verdict.passed);
  EXPECT_FLOAT_EQ(verdict.row(0).threshold, 0.5F);
}

TEST(Evidence, OfNoiseTracesAllowsWhatTheyShowAndNoMore) {
  const auto reference = traced(Bug::None).trace();
  const auto noise = traced(Bug::None, 1e-3F, true, true, 1).trace();
  const auto clean = traced(Bug::None, 1e-3F, true, true, 2).trace();
  EXPECT_FALSE(judge(reference, clean, {}).passed);
  const auto within = judge(reference, clean, {}, {noise});
  EXPECT_TRUE(within.passed);
  EXPECT_THAT(within.threshold_source, HasSubstr("5 times the largest error of 1 noise trace"));
  EXPECT_NEAR(*within.comparison(3).floor, 1e-3, 5e-4);
  EXPECT_EQ(judge(reference, traced(Bug::LeafBias, 1e-3F).trace(), {}, {noise}).introducer->module, "blocks.1.ffn.up");
}

TEST(Evidence, OfANoiseTraceWithTheReferencesBitsIsTheModelOfRounding) {
  const auto reference = traced(Bug::None).trace();
  EXPECT_TRUE(judge(reference, traced(Bug::None, 2e-7F).trace(), {}, {reference}).passed);
}

TEST(Evidence, SaysOfItsThresholdsOnlyWhatWasUsed) {
  const auto with_sketches = judge(traced(Bug::None).trace(), traced(Bug::None, 1e-7F).trace(), {});
  EXPECT_THAT(with_sketches.threshold_source, HasSubstr("3 times the error that a record was made from"));

  auto reference = traced(Bug::None).in_file_order(), port = traced(Bug::None, 1e-7F).in_file_order();
  for (auto* records : {&reference, &port}) {
    for (auto& record : *records) record.sketch.buckets = 0;
  }
  const auto by_statistics = judge(trace_of(reference), trace_of(port), {});
  EXPECT_THAT(by_statistics.threshold_source, HasSubstr("grown with depth"));
  EXPECT_THAT(by_statistics.threshold_source, Not(HasSubstr("made from")));

  EXPECT_THAT(judge(trace_of(reference), trace_of(reference), {}).threshold_source, HasSubstr("none was needed"));
}

TEST(Evidence, SaysThatIntegersHaveNoThreshold) {
  Record reference;
  reference.module = "ids";
  reference.tensor = "out";
  reference.stats = {{"sum", Int128{7}}};
  auto port = reference;
  port.stats = {{"sum", Int128{8}}};
  DiffOptions options;
  options.rtol = 0.5;
  const auto verdict = judge(trace_of({reference}), trace_of({port}), options);
  EXPECT_EQ(verdict.count(Status::Diverged), 1U);
  EXPECT_EQ(verdict.threshold_source, "none for integers, which have no rounding");
}

TEST(Evidence, SaysHowManyErrorsAreTooNearToTheThresholdToTell) {
  DiffOptions options;
  options.rtol = 1e-3;
  const auto verdict = judge(traced(Bug::None).trace(), traced(Bug::None, 1e-3F).trace(), options);
  EXPECT_THAT(verdict.notes, Contains(HasSubstr("as near to the threshold as a sketch of that size can tell")));
}

}  // namespace
}  // namespace fvhooks::internal
