// Views against an oracle that moves every element.
#include "view/view_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>

namespace fvhooks::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Sizes = std::vector<std::int64_t>;

ViewRule rule_of(const std::string& operations) {
  auto rule = parse_view("a out = " + operations);
  if (!rule) throw Exception(rule.error());
  return **std::move(rule);
}

Expected<ViewPlan> planned(const std::string& operations, Layout layout, std::uint64_t call = 0) {
  ViewPart whole;
  whole.layout = std::move(layout);
  whole.module = "a";
  whole.label = "out";
  whole.call = call;
  return plan_view(rule_of(operations), {"a"}, std::move(whole));
}

Expected<ViewPlan> planned(const std::string& operations, Sizes sizes, std::uint64_t call = 0) {
  return planned(operations, contiguous_layout(std::move(sizes)), call);
}

// The elements of `memory` in logical row-major order.
std::vector<int> elements(const std::vector<int>& memory, const Layout& layout) {
  std::vector<std::int64_t> offsets{layout.offset};
  for (std::size_t i = 0; i < layout.sizes.size(); ++i) {
    std::vector<std::int64_t> next;
    for (const auto offset : offsets) {
      for (std::int64_t at = 0; at < layout.sizes[i]; ++at) next.push_back(offset + at * layout.strides[i]);
    }
    offsets = std::move(next);
  }
  std::vector<int> values;
  for (const auto offset : offsets) values.push_back(memory.at(static_cast<std::size_t>(offset)));
  return values;
}

std::vector<int> counted(std::size_t count) {
  std::vector<int> values(count);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

// What a part holds of a tensor that is `memory`.
std::vector<int> elements_of(const ViewPlan& plan, const ViewPart& part, const std::vector<int>& memory) {
  std::vector<std::vector<int>> sources{memory};
  for (const auto& copy : plan.copies) sources.push_back(elements(sources[copy.source], copy.layout));
  return elements(sources[part.source], part.layout);
}

TEST(View, ChunksAFusedProjectionIntoNames) {
  const auto plan = planned("chunk -1 into q, k, v", Sizes{1, 2, 6});
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->parts.size(), 3U);
  EXPECT_EQ(plan->parts[2].module, "v");
  EXPECT_EQ(plan->parts[2].label, "out");
  EXPECT_EQ(plan->parts[1].layout, (Layout{{1, 2, 2}, {12, 6, 1}, 2}));
  EXPECT_EQ(elements_of(*plan, plan->parts[2], counted(12)), (std::vector<int>{4, 5, 10, 11}));
}

TEST(View, ChunkIOfACallGoesToACallOfItsOwn) {
  const auto plan = planned("chunk 0 into 2 calls", Sizes{4, 3}, /*call=*/3);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->parts[0].call, 6U);
  EXPECT_EQ(plan->parts[1].call, 7U);
  EXPECT_EQ(plan->parts[1].layout, (Layout{{2, 3}, {3, 1}, 6}));
}

TEST(View, ChunkIGoesToRankI) {
  const auto plan = planned("chunk -1 into 2 ranks", Sizes{2, 4});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->parts[0].rank, 0);
  EXPECT_EQ(plan->parts[1].rank, 1);
}

TEST(View, SplitsIntoUnequalPartsOfWhichSomeAreNotRecorded) {
  const auto plan = planned("split 0 s0/2 -1 1 into q, -, v", Sizes{8});
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->parts.size(), 2U);
  EXPECT_EQ(plan->parts[0].layout.sizes, Sizes{4});
  EXPECT_EQ(plan->parts[1].layout, (Layout{{1}, {1}, 7}));
}

TEST(View, SplitsMultiply) {
  const auto plan = planned("chunk 1 into q, k | chunk 0 into 2 calls", Sizes{2, 4});
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->parts.size(), 4U);
  EXPECT_EQ(plan->parts[1].module, "q");
  EXPECT_EQ(plan->parts[1].call, 1U);
  EXPECT_EQ(plan->parts[2].module, "k");
  EXPECT_EQ(plan->parts[2].call, 0U);
}

TEST(View, HeadsBeforeTokensTakeACopyOnlyWhereTheyAreMerged) {
  const auto moved = planned("permute 0 2 1 3", Sizes{1, 2, 3, 4});
  EXPECT_TRUE(moved->copies.empty());
  EXPECT_EQ(moved->parts[0].layout, (Layout{{1, 3, 2, 4}, {24, 4, 12, 1}, 0}));
  const auto merged = planned("permute 0 2 1 3 | reshape s0 s1 s2*s3", Sizes{1, 2, 3, 4});
  EXPECT_EQ(merged->copies.size(), 1U);
  EXPECT_EQ(merged->parts[0].layout, contiguous_layout({1, 3, 8}));
}

TEST(View, ASliceIsPythons) {
  EXPECT_EQ(planned("slice 0 -3:", Sizes{8})->parts[0].layout, (Layout{{3}, {1}, 5}));
  EXPECT_EQ(planned("slice 0 1:-1:3", Sizes{8})->parts[0].layout, (Layout{{2}, {3}, 1}));
  EXPECT_EQ(planned("slice -1 s1/2:", Sizes{2, 6})->parts[0].layout, (Layout{{2, 3}, {6, 1}, 3}));
}

TEST(View, WhatDoesNotFitIsAnErrorThatSaysWhy) {
  const auto error_of = [](const std::string& operations) {
    const auto plan = planned(operations, Sizes{2, 3});
    return plan ? "no error" : plan.error().message;
  };
  EXPECT_THAT(error_of("permute 0"), HasSubstr("permute has 1 dimensions where there are 2"));
  EXPECT_THAT(error_of("permute 0 -2"), HasSubstr("permute names dimension 0 twice"));
  EXPECT_THAT(error_of("permute 0 2"), HasSubstr("there is no dimension 2"));
  EXPECT_THAT(error_of("reshape 4 -1"), HasSubstr("6 elements cannot be shared out among sizes of 4"));
  EXPECT_THAT(error_of("reshape 4"), HasSubstr("6 elements cannot be shared out"));
  EXPECT_THAT(error_of("reshape 0 -1"), HasSubstr("cannot be shared out"));
  EXPECT_THAT(error_of("reshape s2"), HasSubstr("there is no dimension for s2"));
  EXPECT_THAT(error_of("reshape s1/2 -1"), HasSubstr("3 cannot be divided by 2"));
  EXPECT_THAT(error_of("reshape 4611686018427387904*2 -1"), HasSubstr("too large"));
  EXPECT_THAT(error_of("reshape 4294967296 4294967296"), HasSubstr("too large"));
  EXPECT_THAT(error_of("slice 1 2:4"), HasSubstr("2:4 is not within dimension 1 of 3 elements"));
  EXPECT_THAT(error_of("slice 1 2:1"), HasSubstr("2:1 is not within"));
  EXPECT_THAT(error_of("chunk 1 into 2 ranks"), HasSubstr("dimension 1 of 3 elements has no 2 equal parts"));
  EXPECT_THAT(error_of("split 1 1 1 into q, k"), HasSubstr("3 elements cannot be shared out among sizes of 2"));
  EXPECT_THAT(error_of("split 1 4 -1 into q, k"), HasSubstr("3 elements cannot be shared out among sizes of 4"));
  EXPECT_THAT(error_of("repeat into 1024 calls | repeat into 1024 calls"), HasSubstr("more than 65536 parts"));
}

Sizes any_sizes(std::int64_t least = 1) { return *rc::gen::container<Sizes>(rc::gen::inRange<std::int64_t>(least, 5)); }

std::int64_t product(const Sizes& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), std::int64_t{1}, std::multiplies<>());
}

// A layout of some memory whose strides are out of order, expanded or with gaps.
Layout any_layout() {
  auto sizes = any_sizes();
  sizes.resize(std::min<std::size_t>(sizes.size(), 5));
  auto layout = contiguous_layout(sizes);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    std::swap(layout.strides[i], layout.strides[*rc::gen::inRange<std::size_t>(i, sizes.size())]);
    if (*rc::gen::inRange(0, 6) == 0) layout.strides[i] = 0;
  }
  layout.offset = *rc::gen::inRange(0, 3);
  return layout;
}

std::vector<int> memory_of(const Layout& layout) {
  std::int64_t last = layout.offset;
  for (std::size_t i = 0; i < layout.sizes.size(); ++i) last += (layout.sizes[i] - 1) * layout.strides[i];
  return counted(static_cast<std::size_t>(last + 1));
}

std::string spaced(const Sizes& numbers) {
  std::string text;
  for (const auto number : numbers) text += " " + std::to_string(number);
  return text;
}

RC_GTEST_PROP(View, AReshapeKeepsTheOrderOfElements, ()) {
  const auto layout = any_layout();
  // The factors of the number of elements, shared out anew.
  Sizes sizes(*rc::gen::inRange<std::size_t>(1, 5), 1);
  for (auto left = product(layout.sizes); left > 1;) {
    std::int64_t factor = 2;
    while (left % factor != 0) ++factor;
    sizes[*rc::gen::inRange<std::size_t>(0, sizes.size())] *= factor;
    left /= factor;
  }
  const auto plan = planned("reshape" + spaced(sizes), layout);
  RC_ASSERT(plan.has_value());
  const auto& part = plan->parts.front();
  const auto memory = memory_of(layout);
  RC_ASSERT(part.layout.sizes == sizes);
  RC_ASSERT(elements_of(*plan, part, memory) == elements(memory, layout));
  if (layout == contiguous_layout(layout.sizes)) RC_ASSERT(plan->copies.empty());
}

RC_GTEST_PROP(View, APermutationMovesIndices, ()) {
  const auto layout = any_layout();
  RC_PRE(!layout.sizes.empty());
  Sizes order(layout.sizes.size());
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = 0; i < order.size(); ++i) std::swap(order[i], order[*rc::gen::inRange(i, order.size())]);
  const auto plan = planned("permute" + spaced(order), layout);
  RC_ASSERT(plan.has_value());
  // Back again.
  Sizes inverse(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) inverse[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
  const auto back = planned("permute" + spaced(inverse), plan->parts.front().layout);
  RC_ASSERT(back->parts.front().layout == layout);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto from = static_cast<std::size_t>(order[i]);
    RC_ASSERT(plan->parts.front().layout.sizes[i] == layout.sizes[from]);
    RC_ASSERT(plan->parts.front().layout.strides[i] == layout.strides[from]);
  }
}

RC_GTEST_PROP(View, ChunksAreTheWholeOneAfterTheOther, ()) {
  auto layout = any_layout();
  RC_PRE(!layout.sizes.empty());
  const auto memory = memory_of(layout);
  const auto dimension = *rc::gen::inRange<std::int64_t>(0, static_cast<std::int64_t>(layout.sizes.size()));
  const auto count = layout.sizes[static_cast<std::size_t>(dimension)];
  const auto moved =
      planned("chunk " + std::to_string(dimension) + " into " + std::to_string(count) + " calls", layout);
  RC_ASSERT(moved.has_value());
  for (std::int64_t i = 0; i < count; ++i) {
    const auto range = std::to_string(i) + ":" + std::to_string(i + 1);
    const auto slice = planned("slice " + std::to_string(dimension) + " " + range, layout);
    const auto& part = moved->parts[static_cast<std::size_t>(i)];
    RC_ASSERT(part.layout == slice->parts.front().layout);
    RC_ASSERT(elements(memory, part.layout).size() * static_cast<std::size_t>(count) ==
              elements(memory, layout).size());
  }
}

}  // namespace
}  // namespace fvhooks::internal
