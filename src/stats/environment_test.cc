#include <gtest/gtest.h>

#include <cfenv>
#include <cmath>

#include "stats/float_environment.h"
#include "stats/test_tensor.h"

namespace fvhooks {
namespace {

// Narrow, wide and subnormal tiles, and sums that round.
test::TestTensor delicate_tensor() {
  std::vector<float> values(3000);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float scale = i < 1024 ? 0x1.8p-140f : i < 2048 ? 1.0f : 1e20f;
    values[i] = scale * (std::sin(static_cast<float>(i)) + 0.3f);
  }
  return test::tensor_of(values);
}

TEST(FloatEnvironment, RoundingModeOfTheCallerChangesNoBit) {
  const test::TestTensor tensor = delicate_tensor();
  const test::Outcome expected = test::outcome(tensor);
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    std::fesetround(mode);
    const test::Outcome found = test::outcome(tensor);
    const int after = std::fegetround();
    std::fesetround(FE_TONEAREST);
    EXPECT_EQ(after, mode);
    EXPECT_EQ(found, expected);
  }
}

#if defined(__x86_64__)
TEST(FloatEnvironment, FlushToZeroOfTheCallerChangesNoBit) {
  const test::TestTensor tensor = delicate_tensor();
  const test::Outcome expected = test::outcome(tensor);
  const unsigned before = _mm_getcsr();
  constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
  _mm_setcsr(before | kFlushToZero | kDenormalsAreZero);
  const test::Outcome found = test::outcome(tensor);
  const unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  EXPECT_EQ(after, before | kFlushToZero | kDenormalsAreZero);
  EXPECT_EQ(found, expected);
  EXPECT_GT(test::outcome(test::tensor_of(std::vector<float>{0x1p-149f})).stats.sum, 0.0);
}

TEST(FloatEnvironment, StickyFlagsOfTheCallerStay) {
  const test::TestTensor tensor = delicate_tensor();
  std::feclearexcept(FE_ALL_EXCEPT);
  test::outcome(tensor);
  EXPECT_EQ(std::fetestexcept(FE_ALL_EXCEPT), 0);
}
#endif

}  // namespace
}  // namespace fvhooks
