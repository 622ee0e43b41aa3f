#include "regex/python_regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <vector>

namespace fvhooks::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Where Python's answer is not ours.
bool is_known_difference(std::string_view pattern) {
  constexpr std::array<std::string_view, 4> kPatterns{
      "(?a:a)",          // PCRE2 10.42 cannot switch Unicode for a group: an error
      "(?ai)\xC3\xA4",   // under (?a) Python folds the case of ASCII letters only
      "(?i)\xC4\xB1",    // Python takes a dotless i for an i
      "\\N{DIGIT ONE}",  // names of characters: an error
  };
  return std::find(kPatterns.begin(), kPatterns.end(), pattern) != kPatterns.end();
}

TEST(PythonRegex, AnswersAsPythonDoesToTheWholeTable) {
  simdjson::dom::parser parser;
  const simdjson::dom::element table = parser.load(FVHOOKS_SOURCE_DIR "/src/regex/python_regex_table.json");
  std::vector<std::string_view> names;
  for (const auto name : table["names"]) names.push_back(name);
  for (const auto row : table["patterns"]) {
    const std::string_view pattern = row["pattern"];
    if (is_known_difference(pattern)) continue;
    const auto regex = PythonRegex::compile(pattern);
    std::string_view error;
    if (row["error"].get(error) == simdjson::SUCCESS) {
      EXPECT_FALSE(regex.has_value()) << pattern << ": Python says " << error;
      continue;
    }
    EXPECT_TRUE(regex.has_value()) << pattern << ": " << (regex ? "" : regex.error().message);
    if (!regex) continue;
    std::vector<bool> expected(names.size());
    for (const std::uint64_t i : row["found_in"]) expected[i] = true;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto found = regex->search(names[i]);
      EXPECT_TRUE(found && *found == expected[i])
          << "/" << pattern << "/ in \"" << names[i] << "\" should be " << expected[i];
    }
  }
}

TEST(PythonRegex, AFullMatchGivesTheTextOfItsGroups) {
  const auto regex = PythonRegex::compile(R"((?P<kind>double|single)_(\d+)(\.attn)?)");
  EXPECT_THAT(*regex->full_match("double_12"), ElementsAre("double_12", "double", "12", ""));
  EXPECT_THAT(*regex->full_match("a double_12"), IsEmpty());
  EXPECT_THAT(*regex->full_match("double_12.mlp"), IsEmpty());
  EXPECT_EQ(regex->group_count(), 3);
  EXPECT_EQ(regex->group_named("kind"), 1);
  EXPECT_EQ(regex->group_named("other"), std::nullopt);
}

TEST(PythonRegex, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(PythonRegex::compile("blocks.(").error().message, HasSubstr("at byte 8"));
  EXPECT_THAT(PythonRegex::compile(R"(blocks\q)").error().message, HasSubstr(R"(\q at byte 6)"));
  EXPECT_THAT(PythonRegex::compile("a(?R)").error().message, HasSubstr("at byte 1"));
}

TEST(PythonRegex, GivesUpOnAPatternThatWouldNotComeBack) {
  const auto regex = PythonRegex::compile("^(?:a|a|a)*$");
  ASSERT_TRUE(regex.has_value());
  const auto found = regex->search("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
  ASSERT_FALSE(found.has_value());
  EXPECT_THAT(found.error().message, HasSubstr("limit"));
}

TEST(PythonRegex, TakesASubjectThatIsNotUtf8) { EXPECT_TRUE(*PythonRegex::compile("ab")->search("\xC3 ab")); }

}  // namespace
}  // namespace fvhooks::internal
