#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/testing/captured_warnings.h"
#include "core/testing/temporary_folder.h"
#include "view/views.h"

namespace fvhooks::internal {
namespace {

using ::testing::AllOf;
using testing::CapturedWarnings;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string error_of(std::string_view line) {
  const auto rule = parse_view(line);
  return rule ? "no error" : rule.error().message;
}

TEST(ViewRule, IsATensorAndItsOperations) {
  const auto rule = parse_view("blocks.*.to_qkv out = permute 0 2 -1 | reshape s0 -1 s2*s3/2 | slice 1 :s1/2:2  # why");
  ASSERT_TRUE(rule && *rule) << rule.error().message;
  EXPECT_EQ((*rule)->module.match("blocks.3.to_qkv").value().size(), 2U);
  EXPECT_TRUE((*rule)->label->means("out"));
  EXPECT_FALSE((*rule)->label->means("out[0]"));
  ASSERT_EQ((*rule)->operations.size(), 3U);
  EXPECT_THAT(std::get<Permute>((*rule)->operations[0]).order, ElementsAre(0, 2, -1));
  EXPECT_EQ(std::get<Reshape>((*rule)->operations[1]).sizes.size(), 3U);
  const auto& slice = std::get<Slice>((*rule)->operations[2]);
  EXPECT_FALSE(slice.from.has_value());
  EXPECT_EQ(slice.to->evaluate(std::vector<std::int64_t>{5, 8}).value(), 4);
  EXPECT_EQ(slice.step, 2);
}

TEST(ViewRule, SharesOutAmongNamesCallsAndRanks) {
  const auto rule =
      parse_view(R"(/l(\d+)\.qkv/ = chunk -1 into l\1.q, -, "x y" | chunk 0 into 2 calls | repeat into 4 ranks)");
  ASSERT_TRUE(rule && *rule) << rule.error().message;
  const auto& names = std::get<std::vector<Target>>(std::get<Chunk>((*rule)->operations[0]).into);
  ASSERT_EQ(names.size(), 3U);
  EXPECT_EQ(names[0].module->expand({"l7.qkv", "7"}), "l7.q");
  EXPECT_FALSE(names[1].module.has_value());
  EXPECT_EQ(names[2].module->expand({"l7.qkv", "7"}), "x y");
  EXPECT_EQ(std::get<Calls>(std::get<Chunk>((*rule)->operations[1]).into).count, 2);
  EXPECT_EQ(std::get<Ranks>(std::get<Repeat>((*rule)->operations[2]).into).count, 4);
}

TEST(ViewRule, AStarEndsTheLabelsOfSeveralTensors) {
  const auto rule = parse_view("rope out* = repeat into 2 calls");
  ASSERT_TRUE(rule && *rule);
  EXPECT_TRUE((*rule)->label->means("out[1]"));
  EXPECT_FALSE((*rule)->label->means("in[0]"));
}

TEST(ViewRule, BlankLinesAndCommentsAreNone) {
  for (const auto* const line : {"", "  \t", "# a = permute 0", "\r"})
    EXPECT_FALSE(parse_view(line)->has_value()) << line;
}

TEST(ViewRule, ABadLineSaysWhatToDo) {
  EXPECT_THAT(error_of("= permute 0"), HasSubstr("a module is missing: write MODULE"));
  EXPECT_THAT(error_of("- = permute 0"), HasSubstr("is no module"));
  EXPECT_THAT(error_of("@a = permute 0"), HasSubstr("is no module"));
  EXPECT_THAT(error_of("a out"), HasSubstr("there is no = behind \"a out\": write"));
  EXPECT_THAT(error_of("a b = permute 0"), HasSubstr("\"b\" is no tensor"));
  EXPECT_THAT(error_of("a ="), HasSubstr("an operation is missing behind \"a =\": write one of: permute"));
  EXPECT_THAT(error_of("a = transpose 0 1"), HasSubstr("there is no operation \"transpose\": write one of"));
  EXPECT_THAT(error_of("a = permute"), HasSubstr("that is no permute: write one of"));
  EXPECT_THAT(error_of("a = permute 0 into b"), HasSubstr("that is no permute"));
  EXPECT_THAT(error_of("a = chunk 0"), HasSubstr("that is no chunk"));
  EXPECT_THAT(error_of("a = permute x"), HasSubstr("\"x\" is no dimension"));
  EXPECT_THAT(error_of("a = permute 64"), HasSubstr("\"64\" is no dimension"));
  EXPECT_THAT(error_of("a = reshape -1 -1"), HasSubstr("only one size can be -1"));
  EXPECT_THAT(error_of("a = reshape -2"), HasSubstr("there is no size -2"));
  EXPECT_THAT(error_of("a = reshape s0+1"), HasSubstr("\"s0+1\" is no size: write"));
  EXPECT_THAT(error_of("a = reshape s0*-1"), HasSubstr("numbers from 1 on"));
  EXPECT_THAT(error_of("a = reshape s-1"), HasSubstr("is no size"));
  EXPECT_THAT(error_of("a = reshape 99999999999999999999"), HasSubstr("is no size"));
  EXPECT_THAT(error_of("a = slice 0 3"), HasSubstr("\"3\" is no range"));
  EXPECT_THAT(error_of("a = slice 0 ::0"), HasSubstr("\"0\" is no step"));
  EXPECT_THAT(error_of("a = chunk 0 into"), HasSubstr("a target is missing"));
  EXPECT_THAT(error_of("a = chunk 0 into 2"), HasSubstr("write 2 calls or 2 ranks"));
  EXPECT_THAT(error_of("a = chunk 0 into 2000 calls"), HasSubstr("1 to 1024 parts"));
  EXPECT_THAT(error_of("a = chunk 0 into b, @c"), HasSubstr("a target is the name of a module"));
  EXPECT_THAT(error_of("a.* = chunk 0 into b, c.*"), HasSubstr("target \"b\" has other wildcards"));
  EXPECT_THAT(error_of(R"(/a(.)/ = chunk 0 into b\2)"), HasSubstr("a group that the regular expression does not have"));
  EXPECT_THAT(error_of("a = chunk 0 into b out"), HasSubstr("name one on both sides"));
  EXPECT_THAT(error_of("a = split 0 1 2 into b"), HasSubstr("a split into 2 parts has 1 targets"));
  EXPECT_THAT(error_of("a = permute 0 , b"), HasSubstr("nothing may follow"));
}

TEST(Views, BadLinesAreWarnedOfWithFileAndLineAndSkipped) {
  const CapturedWarnings warnings;
  auto views = Views::parse("a = what\n\nb out = permute 0\r\n", "views.txt");
  EXPECT_THAT(warnings.messages(), ElementsAre(AllOf(HasSubstr("views.txt:1: there is no operation \"what\""),
                                                     HasSubstr("The line is skipped"))));
  views.match(std::vector<std::string>{"", "a", "b"});
  EXPECT_EQ(views.find("a"), nullptr);
  EXPECT_NE(views.find("b"), nullptr);
  EXPECT_EQ(warnings.messages().size(), 1U);
}

TEST(Views, ARuleThatMatchesNoModuleIsWarnedOf) {
  const CapturedWarnings warnings;
  auto views = Views::parse("\nblocks.*.to_qvk = permute 0\n** = permute 0\n", "views.txt");
  views.match(std::vector<std::string>{"", "blocks.0.to_qkv"});
  EXPECT_THAT(warnings.messages(),
              ElementsAre(HasSubstr("views.txt:2: the rule matches none of the model's 2 modules: write")));
}

TEST(Views, AShapeThatARuleCannotBeAppliedToIsWarnedOfOnceAndLeftAsItIs) {
  const CapturedWarnings warnings;
  auto views = Views::parse("a.* out = chunk 1 into 2 calls\n", "views.txt");
  views.match(std::vector<std::string>{"a.0", "a.1"});
  const std::vector<std::int64_t> odd{2, 3}, even{2, 4}, strides{4, 1};
  EXPECT_FALSE(views.find("a.0")->plan("out", 0, odd, strides).has_value());
  EXPECT_FALSE(views.find("a.1")->plan("out", 0, odd, strides).has_value());
  EXPECT_FALSE(views.find("a.1")->plan("in[0]", 0, even, strides).has_value());
  EXPECT_TRUE(views.find("a.1")->plan("out", 0, even, strides).has_value());
  EXPECT_THAT(warnings.messages(),
              ElementsAre("views.txt:1: the rule cannot be applied to \"a.0\" out of shape [2, 3]: dimension 1 of 3 "
                          "elements has no 2 equal parts. It is recorded as it is"));
}

TEST(Views, OnlyTheFirstRuleOfATensorCounts) {
  auto views = Views::parse("a out = repeat into b\n** = repeat into c.**\n", "views.txt");
  views.match(std::vector<std::string>{"a"});
  const std::vector<std::int64_t> sizes{2}, strides{1};
  const auto plan = views.find("a")->plan("out", 0, sizes, strides);
  ASSERT_EQ(plan->parts.size(), 1U);
  EXPECT_EQ(plan->parts[0].module, "b");
  EXPECT_EQ(views.find("a")->plan("in[0]", 0, sizes, strides)->parts[0].module, "c.a");
}

TEST(Views, WithoutAFileThereAreNone) {
  EXPECT_EQ(Views::read("")->find("a"), nullptr);
  EXPECT_THAT(Views::read("/nowhere/views.txt").error().message,
              HasSubstr("FASTVIDEO_TRACE_VIEW: /nowhere/views.txt: cannot be read: No such file"));
}

}  // namespace
}  // namespace fvhooks::internal
