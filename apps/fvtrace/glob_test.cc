#include "glob.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace fvtrace {
namespace {

TEST(Glob, MatchesTheWholeName) {
  EXPECT_TRUE(glob_matches("blocks.0", "blocks.0"));
  EXPECT_FALSE(glob_matches("blocks.0", "blocks.00"));
  EXPECT_FALSE(glob_matches("locks.0", "blocks.0"));
  EXPECT_TRUE(glob_matches("", ""));
  EXPECT_FALSE(glob_matches("", "a"));
}

TEST(Glob, StarIsAnyTextDotsToo) {
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("blocks.*.attn1", "blocks.0.inner.attn1"));
  EXPECT_TRUE(glob_matches("*a*b", "aXbXab"));
  EXPECT_FALSE(glob_matches("*a*b", "ba"));
}

TEST(Glob, QuestionMarkIsOneByte) {
  EXPECT_TRUE(glob_matches("in[?]", "in[0]"));
  EXPECT_FALSE(glob_matches("in[?]", "in[10]"));
}

// The definition, as plain as it can be said.
bool matches(const std::string& pattern, const std::string& name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    return matches(pattern.substr(1), name) || (!name.empty() && matches(pattern, name.substr(1)));
  }
  return !name.empty() && (pattern[0] == '?' || pattern[0] == name[0]) && matches(pattern.substr(1), name.substr(1));
}

RC_GTEST_PROP(Glob, IsAsDefined, ()) {
  const auto text_of = [](const std::string& letters) {
    return rc::gen::resize(12, rc::gen::container<std::string>(rc::gen::elementOf(letters)));
  };
  const auto pattern = *text_of("ab*?");
  const auto name = *text_of("ab");
  RC_ASSERT(glob_matches(pattern, name) == matches(pattern, name));
}

}  // namespace
}  // namespace fvtrace
