#include <gtest/gtest.h>

#include <string>

#include "diff/testing/toy_transformer.h"
#include "diff/verdict.h"

namespace fvhooks::internal {
namespace {

using testing::Bug;
using testing::traced;
using testing::Values;

Verdict verdict_on(Bug bug, float noise = 1e-7F, bool inputs = true, bool root = true) {
  return judge(traced(Bug::None, 0, inputs, root).trace(), traced(bug, noise, inputs, root).trace(), {});
}

std::string introducer_of(const Verdict& verdict) { return verdict.introducer ? verdict.introducer->module : "<none>"; }

TEST(Introducer, OfACleanPortIsNobody) {
  const auto verdict = verdict_on(Bug::None);
  EXPECT_TRUE(verdict.passed);
  EXPECT_EQ(introducer_of(verdict), "<none>");
}

TEST(Introducer, OfAWrongRotationIsTheAttentionThatAppliesIt) {
  const auto verdict = verdict_on(Bug::RopeHalf);
  EXPECT_EQ(introducer_of(verdict), "blocks.0.attn1");
  EXPECT_TRUE(verdict.introducer->by_inputs);
  EXPECT_EQ(verdict.introducer->step, 0);
  EXPECT_EQ(verdict.introducer->call, 0U);
  EXPECT_NE(verdict.introducer->reason.find("in[0] of blocks.0.attn1.to_out.0 differs"), std::string::npos);
}

TEST(Introducer, OfAWrongWeightIsTheLeafItself) {
  EXPECT_EQ(introducer_of(verdict_on(Bug::LeafWeight)), "blocks.1.ffn.up");
}

TEST(Introducer, OfAWrongBiasIsTheLeafItself) {
  EXPECT_EQ(introducer_of(verdict_on(Bug::LeafBias)), "blocks.1.ffn.up");
}

TEST(Introducer, OfADroppedResidualIsTheBlockWhoseChildrenAllAgree) {
  const auto verdict = verdict_on(Bug::ResidualDropped);
  EXPECT_EQ(introducer_of(verdict), "blocks.1");
  EXPECT_NE(verdict.introducer->reason.find("so do the outputs of the modules inside it"), std::string::npos);
}

TEST(Introducer, OfAWrongArgumentIsTheCaller) {
  const auto verdict = verdict_on(Bug::WrongArgument);
  EXPECT_EQ(introducer_of(verdict), "blocks.0");
  EXPECT_NE(verdict.introducer->reason.find("in[1] of blocks.0.attn2"), std::string::npos);
}

TEST(Introducer, OfABugInTheRootsOwnCodeIsTheRoot) {
  const auto verdict = verdict_on(Bug::Unpatchify);
  EXPECT_EQ(introducer_of(verdict), "");
  EXPECT_FALSE(verdict.introducer->outside);
}

TEST(Introducer, OfASkippedModuleIsItsParentAndTheReasonSaysThatRecordsAreMissing) {
  const auto verdict = verdict_on(Bug::LeafMissing);
  EXPECT_EQ(introducer_of(verdict), "blocks.0");
  EXPECT_NE(verdict.introducer->reason.find("missing in the port"), std::string::npos);
  EXPECT_FALSE(verdict.introducer->by_inputs) << "what is missing may be at fault as well";
  EXPECT_EQ(verdict.row(*verdict.first_diverged).status, Status::Missing);
}

TEST(Introducer, OfAStaleStepIsFoundInTheSecondStep) {
  const auto verdict = verdict_on(Bug::StaleStep);
  EXPECT_EQ(introducer_of(verdict), "blocks.1");
  EXPECT_EQ(verdict.introducer->step, 1);
}

TEST(Introducer, OfANaNIsTheLeafThatMadeIt) {
  const auto verdict = verdict_on(Bug::NotANumber);
  EXPECT_EQ(introducer_of(verdict), "blocks.1.ffn.down");
  EXPECT_EQ(verdict.row(*verdict.first_diverged).status, Status::NonFinite);
}

TEST(Introducer, OfOtherModelInputsIsNoModule) {
  const auto verdict = verdict_on(Bug::WrongModelInput);
  ASSERT_TRUE(verdict.introducer);
  EXPECT_TRUE(verdict.introducer->outside);
}

TEST(Introducer, WithoutTheRootLeavesOpenWhetherTheRootOrItsCallerIsWrong) {
  const auto verdict = verdict_on(Bug::WrongModelInput, 1e-7F, true, false);
  EXPECT_EQ(introducer_of(verdict), "");
  EXPECT_NE(verdict.introducer->reason.find("FASTVIDEO_TRACE_ROOT=1"), std::string::npos);
}

TEST(Introducer, WithoutInputsIsTheFirstDivergedOutputAndSaysWhatInputsWouldTell) {
  const auto verdict = verdict_on(Bug::RopeHalf, 1e-7F, false);
  EXPECT_EQ(introducer_of(verdict), "blocks.0.attn1.to_out.0");
  EXPECT_FALSE(verdict.introducer->by_inputs);
  EXPECT_NE(verdict.introducer->reason.find("FASTVIDEO_TRACE_INPUTS=1"), std::string::npos);
}

TEST(Introducer, OfAnExtraModuleAloneIsNobodyButTheVerdictFails) {
  const auto verdict = verdict_on(Bug::ExtraModule);
  EXPECT_EQ(introducer_of(verdict), "<none>");
  EXPECT_FALSE(verdict.passed);
  EXPECT_EQ(verdict.row(*verdict.first_diverged).status, Status::Extra);
}

TEST(Introducer, ReorderedModulesAreNotedAndPass) {
  const auto verdict = verdict_on(Bug::SwappedOrder);
  EXPECT_TRUE(verdict.passed);
  EXPECT_GT(verdict.count(Status::Reordered), 0U);
}

// A module that runs twice in its parent's one call: call numbers of child and parent differ, the order of events
// tells.
testing::TracedRun parent_calls_child_twice(bool second_argument_is_wrong) {
  testing::TracedRun run;
  const auto value = testing::random_values(1);
  auto wrong = value;
  wrong[0] += 9;
  const auto root = run.enter("", {value});
  const auto parent = run.enter("a", {value});
  run.leaf("a.shared", {value}, value);
  run.leaf("a.shared", {second_argument_is_wrong ? wrong : value}, value);
  run.leave(parent, value);
  run.leave(root, value);
  return run;
}

TEST(Introducer, FindsTheCallerOfASecondCallByTimeNotByCallNumber) {
  const auto verdict = judge(parent_calls_child_twice(false).trace(), parent_calls_child_twice(true).trace(), {});
  EXPECT_EQ(introducer_of(verdict), "a");
  EXPECT_EQ(verdict.introducer->call, 0U);
}

// A shared module carries its first name, wherever it is called from.
testing::TracedRun shared_module_called_elsewhere(bool argument_is_wrong) {
  testing::TracedRun run;
  const auto value = testing::random_values(1);
  auto wrong = value;
  wrong[0] += 9;
  const auto root = run.enter("", {value});
  const auto other = run.enter("other", {value});
  run.leaf("first.shared", {argument_is_wrong ? wrong : value}, value);
  run.leave(other, value);
  run.leave(root, value);
  return run;
}

TEST(Introducer, OfASharedModulesInputIsWhoCalledItNotWhereItHangs) {
  const auto verdict =
      judge(shared_module_called_elsewhere(false).trace(), shared_module_called_elsewhere(true).trace(), {});
  EXPECT_EQ(introducer_of(verdict), "other");
}

// A parent whose arguments hold no tensor shows its begin nowhere; its name and its later output tell.
testing::TracedRun parent_takes_no_tensor(bool is_wrong) {
  testing::TracedRun run;
  const auto value = testing::random_values(1);
  auto wrong = value;
  wrong[0] += 9;
  const auto root = run.enter("", {value});
  const auto parent = run.enter("a", {});
  run.leaf("a.b", {is_wrong ? wrong : value}, value);
  run.leave(parent, value);
  run.leave(root, value);
  return run;
}

TEST(Introducer, FindsACallerWithoutTensorInputsByName) {
  EXPECT_EQ(introducer_of(judge(parent_takes_no_tensor(false).trace(), parent_takes_no_tensor(true).trace(), {})), "a");
}

TEST(Introducer, OfAModuleThatReturnsItsWrongInputIsTheCaller) {
  testing::TracedRun reference, port;
  const auto value = testing::random_values(1);
  auto wrong = value;
  wrong[0] += 9;
  for (auto* run : {&reference, &port}) {
    const auto& argument = run == &port ? wrong : value;
    const auto root = run->enter("", {value});
    run->leaf("identity", {argument}, argument);
    run->leave(root, argument);
  }
  EXPECT_EQ(introducer_of(judge(reference.trace(), port.trace(), {})), "");
}

// What stays within the tolerance where it arises, and grows beyond it later.
testing::TracedRun grows(float first, float then) {
  testing::TracedRun run;
  const auto input = testing::random_values(1);
  const auto error = testing::random_values(2);
  const auto moved = [&](float by) {
    auto values = input;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += by * error[i];
    return values;
  };
  const auto root = run.enter("", {input});
  run.leaf("sound", {input}, moved(1e-7F));
  run.leaf("guilty", {moved(1e-7F)}, moved(first));
  run.leaf("carrier", {moved(first)}, moved(then));
  run.leave(root, moved(then));
  return run;
}

TEST(Introducer, IsWhereTheErrorLeapsNotWhereItCrossesTheTolerance) {
  DiffOptions options;
  options.rtol = 0.1;
  const auto verdict = judge(grows(0, 0).trace(), grows(0.06F, 0.15F).trace(), options);
  EXPECT_EQ(verdict.key(*verdict.first_diverged).module, "carrier");
  EXPECT_EQ(introducer_of(verdict), "guilty");
  EXPECT_NE(verdict.introducer->reason.find("within its threshold, but"), std::string::npos);
}

TEST(Introducer, IsWhereTheThresholdIsCrossedIfTheErrorLeapsThere) {
  DiffOptions options;
  options.rtol = 0.1;
  EXPECT_EQ(introducer_of(judge(grows(0, 0).trace(), grows(0.01F, 0.3F).trace(), options)), "carrier");
}

// A sinus of the timestep makes a great deal of a small difference; it did its work in the step before.
testing::TracedRun with_timesteps(float second) {
  testing::TracedRun run;
  for (const std::int64_t step : {0, 1}) {
    run.step = step;
    const testing::Values time(8, step == 0 ? 1000 : second);
    auto embedded = time;
    for (std::size_t i = 0; i < embedded.size(); ++i) embedded[i] = std::sin(embedded[i] * static_cast<float>(i + 1));
    const auto root = run.enter("", {time});
    run.leave(root, run.leaf("embedder", {time}, embedded));
  }
  return run;
}

TEST(Introducer, OfAModelInputThatAModuleEnlargesIsTheCaller) {
  const auto verdict = judge(with_timesteps(666.67F).trace(), with_timesteps(666.7F).trace(), {});
  ASSERT_TRUE(verdict.introducer);
  EXPECT_TRUE(verdict.introducer->outside);
  EXPECT_EQ(verdict.introducer->step, 1);
}

}  // namespace
}  // namespace fvhooks::internal
