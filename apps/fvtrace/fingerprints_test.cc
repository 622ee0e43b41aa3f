#include "fingerprints.h"

#include <gtest/gtest.h>

#include <string>

namespace fvtrace {
namespace {

TEST(Fingerprints, KnowAHundredThousandTextsFromEachOther) {
  constexpr int kTexts = 100'000;
  Fingerprints seen;
  for (int i = 0; i < kTexts; ++i) ASSERT_TRUE(seen.insert("text " + std::to_string(i))) << i;
  for (int i = 0; i < kTexts; ++i) ASSERT_FALSE(seen.insert("text " + std::to_string(i))) << i;
  EXPECT_TRUE(seen.insert(""));
  EXPECT_FALSE(seen.insert(""));
}

}  // namespace
}  // namespace fvtrace
