#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>

#include "fvhooks/offload_plan.h"

namespace fvhooks {
namespace {

std::size_t count_resident(const OffloadPlan& plan) {
  return static_cast<std::size_t>(std::count(plan.resident.begin(), plan.resident.end(), true));
}

// The longest run of streamed blocks, round the end of a step into the next.
std::size_t longest_streamed_run(const OffloadPlan& plan) {
  std::size_t longest = 0, run = 0;
  for (std::size_t i = 0; i < 2 * plan.resident.size(); ++i) {
    run = plan.resident[i % plan.resident.size()] ? 0 : run + 1;
    longest = std::max(longest, run);
  }
  return std::min(longest, plan.resident.size());
}

TEST(PlanResidency, KeepsEverythingWhereTheBudgetAllows) {
  const auto plan = plan_residency({10, 20, 30}, 60, 1).value();
  EXPECT_EQ(count_resident(plan), 3u);
  EXPECT_EQ(plan.slots, 0u);
  EXPECT_EQ(plan.total_bytes(), 60u);
}

TEST(PlanResidency, WithoutABudgetStreamsEverythingThroughTheSlots) {
  const auto plan = plan_residency({10, 20, 30}, 0, 1).value();
  EXPECT_EQ(count_resident(plan), 0u);
  EXPECT_EQ(plan.slots, 2u);
  EXPECT_EQ(plan.slot_bytes, 30u);
}

TEST(PlanResidency, SpreadsEqualBlocksEvenly) {
  const std::vector<std::uint64_t> sizes(40, 100);
  const auto plan = plan_residency(sizes, 2200, 1).value();
  EXPECT_EQ(count_resident(plan), 20u);
  EXPECT_EQ(longest_streamed_run(plan), 1u);
}

TEST(PlanResidency, KeepsTheOneLargeBlockRatherThanTwoSlotsOfItsSize) {
  const auto plan = plan_residency({10, 10, 1000, 10, 10}, 1020, 1).value();
  EXPECT_TRUE(plan.resident[2]);
  EXPECT_EQ(plan.slot_bytes, 10u);
}

TEST(PlanResidency, NamesTheLeastBudgetThatWouldDo) {
  const auto plan = plan_residency({10, 10, 1000, 10, 10}, 500, 1);
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().message.find("1020"), std::string::npos) << plan.error().message;
  EXPECT_TRUE(plan_residency({10, 10, 1000, 10, 10}, 1020, 1));
}

RC_GTEST_PROP(PlanResidency, WorksFromTheLeastBudgetOn, ()) {
  const auto blocks =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(1, 1000)));
  const auto depth = *rc::gen::inRange<std::size_t>(0, 4);
  const auto least = least_budget(blocks, depth);
  RC_ASSERT(plan_residency(blocks, least, depth));
  RC_ASSERT(least == 1 || !plan_residency(blocks, least - 1, depth));
}

TEST(PlanResidency, OfNoBlocksIsAnError) { EXPECT_FALSE(plan_residency({}, 100, 1)); }

RC_GTEST_PROP(PlanResidency, NeverExceedsTheBudgetNorLeavesRoomForAnotherBlock, ()) {
  const auto sizes =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(1, 1000)));
  const auto total = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  const auto budget = *rc::gen::inRange<std::uint64_t>(1, total + 2);
  const auto depth = *rc::gen::inRange<std::size_t>(0, 4);
  const auto plan = plan_residency(sizes, budget, depth);
  if (!plan) {
    RC_ASSERT(budget < total);
    return;
  }
  RC_ASSERT(plan->total_bytes() <= budget);
  std::uint64_t resident = 0;
  const std::uint64_t room = budget - plan->total_bytes();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (plan->resident[i]) {
      resident += sizes[i];
    } else {
      RC_ASSERT(sizes[i] <= plan->slot_bytes);
      RC_ASSERT(sizes[i] > room);
    }
  }
  RC_ASSERT(resident == plan->resident_bytes);
  const auto streamed = sizes.size() - count_resident(*plan);
  RC_ASSERT(plan->slots <= depth + 1);
  RC_ASSERT(plan->slots >= std::min(streamed, depth + 1));
}

RC_GTEST_PROP(PlanResidency, OfEqualBlocksLeavesNoRunMuchLongerThanAnother, ()) {
  const auto blocks = *rc::gen::inRange<std::size_t>(4, 60);
  const auto kept = *rc::gen::inRange<std::size_t>(1, blocks - 2);
  const auto plan = plan_residency(std::vector<std::uint64_t>(blocks, 7), 7 * (kept + 2), 1).value();
  RC_ASSERT(count_resident(plan) == kept);
  RC_ASSERT(longest_streamed_run(plan) <= (blocks - kept + kept - 1) / kept + 1);
}

TEST(PlanWithResidents, KeepsTheNamedBlocksAndASlotForTheLargestOther) {
  const auto plan = plan_with_residents({9, 5, 7, 3}, {true, false, false, true}, 0, 1).value();
  EXPECT_EQ(plan.resident, (std::vector<bool>{true, false, false, true}));
  EXPECT_EQ(plan.resident_bytes, 12u);
  EXPECT_EQ(plan.slot_bytes, 7u);
  EXPECT_EQ(plan.slots, 2u);
}

TEST(PlanWithResidents, RefusesABudgetThatDoesNotHoldThemAndSaysWhatWould) {
  EXPECT_TRUE(plan_with_residents({9, 5, 7, 3}, {true, false, false, true}, 26, 1));
  const auto plan = plan_with_residents({9, 5, 7, 3}, {true, false, false, true}, 25, 1);
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message, testing::HasSubstr("26"));
}

TEST(PlanWithResidents, RefusesAWordTooMany) { EXPECT_FALSE(plan_with_residents({9}, {true, false}, 0, 1)); }

TEST(StepBound, IsTheSlowerOfComputationAndTransfer) {
  OffloadPlan plan;
  plan.resident = {true, false, false};
  EXPECT_DOUBLE_EQ(step_bound(plan, {1, 1, 1}, {9, 2, 3}).seconds(), 5);
  EXPECT_DOUBLE_EQ(step_bound(plan, {3, 3, 3}, {9, 2, 3}).seconds(), 9);
}

}  // namespace
}  // namespace fvhooks
