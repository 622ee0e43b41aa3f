#include "checkpoint_blocks.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace fvtrace {
namespace {

TEST(BlockOf, IsTheNameUpToItsFirstNumber) {
  EXPECT_EQ(block_of("blocks.12.attn1.to_out.0.weight", ""), "blocks.12");
  EXPECT_EQ(block_of("0.weight", ""), "0");
  EXPECT_EQ(block_of("encoder.layer.3.bias", ""), "encoder.layer.3");
}

TEST(BlockOf, IsNothingWithoutANumberOrInsideAComponent) {
  EXPECT_EQ(block_of("proj_out.weight", ""), "");
  EXPECT_EQ(block_of("block12.weight", ""), "");
  EXPECT_EQ(block_of("a..b.weight", ""), "");
  EXPECT_EQ(block_of("", ""), "");
}

TEST(BlockOf, ATensorInAListItselfIsNoBlock) { EXPECT_EQ(block_of("tables.3", ""), ""); }

TEST(BlockOf, IsTheShortestPartThatAPatternMatches) {
  EXPECT_EQ(block_of("blocks.12.attn1.to_out.0.weight", "blocks.*"), "blocks.12");
  EXPECT_EQ(block_of("blocks.12.attn1.to_out.0.weight", "*.attn?"), "blocks.12.attn1");
  EXPECT_EQ(block_of("head.weight", "blocks.*"), "");
  EXPECT_EQ(block_of("head.weight", "head.weight"), "");
}

TEST(IsBefore, OrdersNumbersAsNumbers) {
  EXPECT_TRUE(is_before("blocks.2", "blocks.10"));
  EXPECT_FALSE(is_before("blocks.10", "blocks.2"));
  EXPECT_TRUE(is_before("a.99999999999999999999998", "a.99999999999999999999999"));
  EXPECT_TRUE(is_before("a.10", "b.2"));
  EXPECT_TRUE(is_before("a", "a.0"));
}

RC_GTEST_PROP(IsBefore, IsAStrictOrderOfDifferentNames, ()) {
  const auto name = rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab.019")));
  const auto a = *name, b = *name, c = *name;
  RC_ASSERT(!is_before(a, a));
  RC_ASSERT(!(is_before(a, b) && is_before(b, a)));
  RC_ASSERT(!(is_before(a, b) && is_before(b, c)) || is_before(a, c));
}

}  // namespace
}  // namespace fvtrace
