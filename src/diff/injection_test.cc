#include "diff/injection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "diff/testing/toy_transformer.h"
#include "diff/threshold.h"
#include "diff/verdict.h"

namespace fvhooks::internal {
namespace {

using testing::Bug;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::injected;
using ::testing::IsEmpty;
using testing::traced;

constexpr float kRounding = 1e-7F;

Verdict verdict_on(std::set<Bug> bugs, float noise = kRounding, const DiffOptions& options = {}) {
  return judge(traced(Bug::None).trace(), injected(std::move(bugs), noise).trace(), options);
}

std::vector<std::string> wrong_in(const Verdict& verdict) {
  std::vector<std::string> names;
  for (const auto& module : verdict.wrong) names.push_back(module.outside ? "caller" : module.module);
  return names;
}

TEST(Injection, OfACleanPortAccusesNobody) {
  const auto verdict = verdict_on({});
  EXPECT_TRUE(verdict.is_injected);
  EXPECT_TRUE(verdict.passed);
  EXPECT_THAT(wrong_in(verdict), IsEmpty());
}

TEST(Injection, IsNotTakenForGrantedOfAnOrdinaryTrace) {
  const auto verdict = judge(traced(Bug::None).trace(), traced(Bug::LeafWeight).trace(), {});
  EXPECT_FALSE(verdict.is_injected);
  EXPECT_THAT(wrong_in(verdict), IsEmpty());
  EXPECT_EQ(verdict.introducer->module, "blocks.1.ffn.up");
}

TEST(Injection, NamesALeafAndNotWhatIsMadeOfIt) {
  const auto verdict = verdict_on({Bug::LeafWeight});
  EXPECT_THAT(wrong_in(verdict), ElementsAre("blocks.1.ffn.up"));
  EXPECT_EQ(verdict.wrong[0].calls, 4U);  // two steps of two passes
  EXPECT_EQ(verdict.introducer->module, "blocks.1.ffn.up");
  EXPECT_THAT(verdict.wrong[0].reason, HasSubstr("its inputs agree, but its out differs by"));
}

TEST(Injection, NamesTheCallerOfAModuleThatIsGivenSomethingElse) {
  EXPECT_THAT(wrong_in(verdict_on({Bug::RopeHalf})), ElementsAre("blocks.0.attn1"));
  EXPECT_THAT(wrong_in(verdict_on({Bug::WrongArgument})), ElementsAre("blocks.0"));
}

TEST(Injection, NamesTheCallerOfTheModel) {
  const auto verdict = verdict_on({Bug::WrongModelInput});
  EXPECT_THAT(wrong_in(verdict), ElementsAre("caller"));
  EXPECT_THAT(verdict.unjudged, ::testing::Contains(""));
}

TEST(Injection, NamesAllThatAreWrongByThemselvesInOneRun) {
  EXPECT_THAT(wrong_in(verdict_on({Bug::RopeHalf, Bug::LeafBias, Bug::ResidualDropped, Bug::Unpatchify})),
              ElementsAre("blocks.0.attn1", "blocks.1.ffn.up", "blocks.1", ""));
}

TEST(Injection, FindsWhatOneRunAloneHidesBehindTheFirst) {
  const auto plain = judge(traced(Bug::None).trace(), traced(Bug::RopeHalf).trace(), {});
  EXPECT_EQ(plain.introducer->module, "blocks.0.attn1");
  EXPECT_THAT(wrong_in(verdict_on({Bug::RopeHalf, Bug::NotANumber})),
              ElementsAre("blocks.0.attn1", "blocks.1.ffn.down"));
}

TEST(Injection, DoesNotJudgeAModuleThatIsGivenSomethingWrong) {
  const auto verdict = verdict_on({Bug::WrongArgument});
  EXPECT_THAT(verdict.unjudged, ::testing::Contains("blocks.0.attn2"));
  EXPECT_THAT(verdict.unjudged, ::testing::Not(::testing::Contains("blocks.1.attn2")));
}

TEST(Injection, HoldsEveryRecordAgainstTheSameFloorHoweverDeep) {
  const auto verdict = verdict_on({});
  const auto threshold_of = [&](const std::string& module) {
    for (std::size_t i = 0; i < verdict.size(); ++i)
      if (verdict.key(i).module == module && verdict.key(i).tensor == "out") return verdict.row(i).threshold;
    return Row::kNaN;
  };
  EXPECT_FLOAT_EQ(threshold_of("patch"), threshold_of("head"));
}

TEST(Injection, TakesTheErrorOfWholeTensorsForThatOfSketches) {
  const auto verdict = verdict_on({Bug::LeafWeight});
  const auto wrong = verdict.comparison(*verdict.first_evidence);
  EXPECT_EQ(wrong.error_low, wrong.error);
  EXPECT_EQ(wrong.error_high, wrong.error);
}

TEST(Injection, SaysWhatNothingWasCapturedOf) {
  const auto verdict = verdict_on({Bug::ExtraModule});
  EXPECT_THAT(wrong_in(verdict), IsEmpty());
  auto port = injected({});
  auto records = port.in_file_order();
  for (auto& record : records)
    if (record.module == "head") record.injection = {Injected::Absent, {}};
  const auto partly = judge(traced(Bug::None).trace(), testing::trace_of(records), {});
  EXPECT_THAT(partly.notes, ::testing::Contains(HasSubstr("nothing was captured of some tensor of 1 module: head")));
}

TEST(Injection, OfANoiseTraceIsEachRecordsOwnFloor) {
  EXPECT_LT(rounding_of_a_store(0x1p-7), own_rounding(0x1p-7) / 20);
  EXPECT_LE(rounding_of_a_store(0x1p-23), own_rounding(0x1p-23));
  const auto reference = traced(Bug::None).trace();
  const auto noise = injected({}, 1e-3F).trace();
  EXPECT_FALSE(judge(reference, injected({}, 1e-3F).trace(), {}).passed);
  EXPECT_TRUE(judge(reference, injected({}, 1e-3F).trace(), {}, {noise}).passed);
  EXPECT_THAT(wrong_in(judge(reference, injected({Bug::LeafWeight}, 1e-3F).trace(), {}, {noise})),
              ElementsAre("blocks.1.ffn.up"));
}

TEST(Injection, LeavesThresholdsToARequestedTolerance) {
  DiffOptions options;
  options.rtol = 10;
  EXPECT_THAT(wrong_in(verdict_on({Bug::LeafWeight}, kRounding, options)), IsEmpty());
}

}  // namespace
}  // namespace fvhooks::internal
