#include "seen_numbers.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <set>

namespace fvtrace {
namespace {

using Gaps = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

TEST(SeenNumbers, KnowsWhatWasThereAndWhatIsMissing) {
  SeenNumbers seen;
  for (const std::uint64_t number : {3, 5, 4, 9, 0}) EXPECT_TRUE(seen.insert(number));
  for (const std::uint64_t number : {3, 4, 5, 0, 9}) EXPECT_FALSE(seen.insert(number));
  EXPECT_EQ(seen.gaps(), (Gaps{{1, 2}, {6, 8}}));
}

TEST(SeenNumbers, TakesTheLargestNumberThereIs) {
  constexpr auto kLargest = std::numeric_limits<std::uint64_t>::max();
  SeenNumbers seen;
  EXPECT_TRUE(seen.insert(kLargest));
  EXPECT_TRUE(seen.insert(0));
  EXPECT_FALSE(seen.insert(kLargest));
  EXPECT_EQ(seen.gaps(), (Gaps{{1, kLargest - 1}}));
}

RC_GTEST_PROP(SeenNumbers, AreASet, ()) {
  const auto numbers = *rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(0, 60));
  SeenNumbers seen;
  std::set<std::uint64_t> oracle;
  for (const auto number : numbers) RC_ASSERT(seen.insert(number) == oracle.insert(number).second);
  std::set<std::uint64_t> missing;
  for (const auto& [first, last] : seen.gaps()) {
    for (auto number = first; number <= last; ++number) missing.insert(number);
  }
  for (std::uint64_t number = 0; number < 60; ++number) {
    const bool is_between = !oracle.empty() && *oracle.begin() < number && number < *oracle.rbegin();
    RC_ASSERT(missing.contains(number) == (is_between && !oracle.contains(number)));
  }
}

}  // namespace
}  // namespace fvtrace
