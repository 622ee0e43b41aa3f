#include "report/wrap.h"

#include <gtest/gtest.h>

namespace fvhooks::internal {
namespace {

TEST(Wrapped, BreaksAtBlanksAndIndentsWhatFollows) {
  EXPECT_EQ(wrapped("  one two three\n", 9), "  one two\n    three\n");
  EXPECT_EQ(wrapped("one two\n\nthree", 3), "one\n  two\n\nthree");
}

TEST(Wrapped, LetsBeWhatFits) {
  const std::string text = "  a   table  of\n  two     lines\n\n";
  EXPECT_EQ(wrapped(text, 15), text);
}

TEST(Wrapped, KeepsWordsWholeThatAreLongerThanALine) { EXPECT_EQ(wrapped("a bbbbbb c", 4), "a\n  bbbbbb\n  c"); }

TEST(Wrapped, CountsCharactersAndNoEscapes) {
  EXPECT_EQ(wrapped("\x1b[1;31mab\x1b[0m ▁▂", 5), "\x1b[1;31mab\x1b[0m ▁▂");
  EXPECT_EQ(wrapped("ab ▁▂", 4), "ab\n  ▁▂");
}

}  // namespace
}  // namespace fvhooks::internal
