#include "columns.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

namespace fvtrace {
namespace {

fvhooks::Record record() {
  fvhooks::Record record;
  record.module = "blocks.0";
  record.tensor = "out";
  record.stats = {{"sum", 0.1}, {"max", fvhooks::Int128{16777217}}, {"shape", std::vector<std::int64_t>{2, 3}}};
  return record;
}

TEST(Columns, AreKeysAndStatistics) {
  EXPECT_EQ(cell(record(), 7, "line"), "7");
  EXPECT_EQ(cell(record(), 7, "module"), "blocks.0");
  EXPECT_EQ(cell(record(), 7, "step"), "-");
  EXPECT_EQ(cell(record(), 7, "call"), "");
  EXPECT_EQ(cell(record(), 7, "sum"), "0.1");
  EXPECT_EQ(cell(record(), 7, "max"), "16777217") << "integers are exact";
  EXPECT_EQ(cell(record(), 7, "shape"), "[2,3]");
  EXPECT_EQ(cell(record(), 7, "absent"), "");
}

SortKey any_key() {
  const auto text = *rc::gen::container<std::string>(rc::gen::inRange('a', 'c'));
  const auto number = *rc::gen::elementOf(std::vector<double>{-1, 0, 2, INFINITY, NAN});
  return *rc::gen::arbitrary<bool>() ? SortKey{number, {}} : SortKey{std::nullopt, text};
}

RC_GTEST_PROP(SortKeys, AreInAStrictWeakOrder, (bool is_descending)) {
  const auto a = any_key(), b = any_key(), c = any_key();
  const auto before = [&](const SortKey& x, const SortKey& y) { return comes_before(x, y, is_descending); };
  const auto equal = [&](const SortKey& x, const SortKey& y) { return !before(x, y) && !before(y, x); };
  RC_ASSERT(!before(a, a));
  RC_ASSERT(!(before(a, b) && before(b, a)));
  if (before(a, b) && before(b, c)) RC_ASSERT(before(a, c));
  if (equal(a, b) && equal(b, c)) RC_ASSERT(equal(a, c));
}

TEST(SortKeys, PutNothingLastEitherWay) {
  const SortKey nothing, number{1.0, {}};
  for (const bool is_descending : {false, true}) {
    EXPECT_TRUE(comes_before(number, nothing, is_descending));
    EXPECT_FALSE(comes_before(nothing, number, is_descending));
  }
}

}  // namespace
}  // namespace fvtrace
