#include "fvhooks/name_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "names/rule_line.h"

namespace fvhooks {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

NameMap map_of(const std::string& text, MapDirection direction = MapDirection::PortToReference) {
  return NameMap::parse(text, "map.txt", direction).value();
}

std::string error_of(const std::string& text) {
  const auto map = NameMap::parse(text, "map.txt");
  return map ? "no error" : map.error().message;
}

TEST(NameMap, RenamesOneModule) {
  const auto map = map_of("head.head = proj_out\n");
  EXPECT_EQ(map.to_reference("head.head"), "proj_out");
  EXPECT_EQ(map.to_reference("head.head.0"), "head.head.0");
  EXPECT_EQ(map.to_reference("head"), "head");
}

TEST(NameMap, AStarIsWhatStandsBetweenTwoPoints) {
  const auto map = map_of("blocks.*.self_attn.* = layers.*.attn1.to_*");
  EXPECT_EQ(map.to_reference("blocks.12.self_attn.q"), "layers.12.attn1.to_q");
  EXPECT_EQ(map.to_reference("blocks.self_attn.q"), "blocks.self_attn.q");
  EXPECT_EQ(map.to_reference("blocks.1.2.self_attn.q"), "blocks.1.2.self_attn.q");
  EXPECT_EQ(map_of("block_* = blocks.*").to_reference("block_7"), "blocks.7");
}

TEST(NameMap, TwoStarsAreAModuleAndAllBelow) {
  const auto map = map_of("model.dit.** = transformer.**");
  EXPECT_EQ(map.to_reference("model.dit"), "transformer");
  EXPECT_EQ(map.to_reference("model.dit.blocks.0"), "transformer.blocks.0");
  EXPECT_EQ(map.to_reference("model.dits"), "model.dits");
}

TEST(NameMap, TwoStarsAloneAddOrTakeAPrefixAndKnowTheRoot) {
  const auto add = map_of("** = module.**");
  EXPECT_EQ(add.to_reference("blocks.0"), "module.blocks.0");
  EXPECT_EQ(add.to_reference(""), "module");
  const auto take = map_of("** = module.**", MapDirection::ReferenceToPort);
  EXPECT_EQ(take.to_reference("module.blocks.0"), "blocks.0");
  EXPECT_EQ(take.to_reference("module"), "");
}

TEST(NameMap, ARegularExpressionGivesItsGroups) {
  const auto map = map_of(R"(/(?P<kind>double|single)_blocks\.(\d+)\.attn/ = \g<kind>.\2.self\\attn)");
  EXPECT_EQ(map.to_reference("double_blocks.3.attn"), R"(double.3.self\attn)");
  EXPECT_EQ(map.to_reference("xdouble_blocks.3.attn"), "xdouble_blocks.3.attn");
}

TEST(NameMap, TheFirstRuleThatMatchesCounts) {
  const auto map = map_of("blocks.0.attn = first\nblocks.*.attn = blocks.*.self\nblocks.1.attn = never\n");
  EXPECT_EQ(map.to_reference("blocks.0.attn"), "first");
  EXPECT_EQ(map.to_reference("blocks.1.attn"), "blocks.1.self");
  EXPECT_EQ(map.to_reference("self"), "self");
}

TEST(NameMap, ARuleOfOneTensorLeavesTheOthersOfItsModule) {
  const auto map = map_of("blocks.*.to_q out[0] = blocks.*.attn1.to_q out\nblocks.*.to_q = blocks.*.attn1.to_q\n");
  EXPECT_EQ(map.to_reference("blocks.3.to_q", "out[0]"), (TensorName{"blocks.3.attn1.to_q", "out"}));
  EXPECT_EQ(map.to_reference("blocks.3.to_q", "in[0]"), (TensorName{"blocks.3.attn1.to_q", "in[0]"}));
  EXPECT_EQ(map.to_reference("blocks.3.to_q"), "blocks.3.attn1.to_q");
}

TEST(NameMap, SaysWhatHasNoCounterpart) {
  const auto map = map_of("blocks.*.rope = -\n- = blocks.*.to_out.1\nblock in[1] = -\n");
  EXPECT_EQ(map.to_reference("blocks.0.rope", "out"), std::nullopt);
  EXPECT_EQ(map.to_reference("block", "in[1]"), std::nullopt);
  EXPECT_EQ(map.to_reference("block", "out"), (TensorName{"block", "out"}));
  EXPECT_TRUE(map.is_missing_in_port("blocks.0.to_out.1", "out"));
  EXPECT_FALSE(map.is_missing_in_port("blocks.0.rope", "out"));
}

TEST(NameMap, QuotedNamesStandForThemselves) {
  const auto map = map_of(R"("" = "a = b"
"x.*" = "say \"so\" \\ # no comment"   # a comment
z out["a = #"] = z out.c)");
  EXPECT_EQ(map.to_reference(""), "a = b");
  EXPECT_EQ(map.to_reference("x.*"), R"(say "so" \ # no comment)");
  EXPECT_EQ(map.to_reference("x.y"), "x.y");
  EXPECT_EQ(map.to_reference("z", R"(out["a = #"])"), (TensorName{"z", "out.c"}));
}

TEST(NameMap, RenamesRoots) {
  const auto map = map_of("@dit = @transformer");
  EXPECT_EQ(map.root_to_reference("dit"), "transformer");
  EXPECT_EQ(map.root_to_reference("vae"), "vae");
  EXPECT_EQ(map_of("@dit = @transformer", MapDirection::ReferenceToPort).root_to_reference("transformer"), "dit");
}

TEST(NameMap, ReadsFromRightToLeftAsWell) {
  const auto map = map_of(
      "a.* out[0] = b.* out\n"
      "a.rope = -\n"
      R"(l\1.attn = /layers\.(\d+)\.attn/)",
      MapDirection::ReferenceToPort);
  EXPECT_EQ(map.to_reference("b.7", "out"), (TensorName{"a.7", "out[0]"}));
  EXPECT_EQ(map.to_reference("layers.7.attn"), "l7.attn");
  EXPECT_TRUE(map.is_missing_in_port("a.rope", "out"));
}

TEST(NameMap, ExpressionsOfTheOtherDirectionAreLeftOutAndNamed) {
  const auto map = map_of(R"(/layers\.(\d+)/ = l\1)", MapDirection::ReferenceToPort);
  EXPECT_EQ(map.to_reference("l1"), "l1");
  EXPECT_THAT(map.warnings(), ElementsAre(HasSubstr("map.txt:1: left out")));
}

TEST(NameMap, CommentsBlankLinesAndCarriageReturnsMeanNothing) {
  const auto map = map_of("\xEF\xBB\xBF# rules\r\n\r\n   \t\na=b#c # why\r\n");
  EXPECT_EQ(map.to_reference("a"), "b#c");
}

TEST(NameMap, WarnsOfRulesThatMatchedNothing) {
  const auto map = map_of("a = b\n\nc.* = d.*\n- = e\n@f = @g\n");
  EXPECT_TRUE(map.to_reference("a", "out").has_value());
  EXPECT_THAT(map.warnings(), ElementsAre("map.txt:3: the rule matches nothing in the port",
                                          "map.txt:4: the rule matches nothing in the reference",
                                          "map.txt:5: the port has no root \"f\""));
}

TEST(NameMap, AnExpressionThatDoesNotComeBackIsWarnedOf) {
  const auto map = map_of("/(?:a|a|a)*/ = b");
  const std::string name = std::string(60, 'a') + "b";
  EXPECT_EQ(map.to_reference(name), name);
  EXPECT_THAT(map.warnings().front(), HasSubstr("map.txt:1: match limit"));
}

TEST(NameMap, ABadLineIsAnErrorThatSaysWhereAndWhatToDo) {
  EXPECT_THAT(error_of("a = b\nblocks.0.attn1\n"),
              HasSubstr("map.txt:2: there is no = behind \"blocks.0.attn1\": write"));
  EXPECT_THAT(error_of("a ="), HasSubstr("map.txt:1: a name is missing behind \"a =\": write"));
  EXPECT_THAT(error_of("= a"), HasSubstr("a name is missing"));
  EXPECT_THAT(error_of("a b = c d"), HasSubstr("\"b\" is no tensor"));
  EXPECT_THAT(error_of("a out out = b"), HasSubstr("there is no = behind \"a out\""));
  EXPECT_THAT(error_of("a = b out c"), HasSubstr("nothing may follow \"a = b out\""));
  EXPECT_THAT(error_of("a out = b"), HasSubstr("name one on both"));
  EXPECT_THAT(error_of("a.* = b"), HasSubstr("other wildcards"));
  EXPECT_THAT(error_of("a.* = b.**"), HasSubstr("other wildcards"));
  EXPECT_THAT(error_of("a.**.b = c.**.b"), HasSubstr("write it last"));
  EXPECT_THAT(error_of("a** = c.**"), HasSubstr("behind a point"));
  EXPECT_THAT(error_of("/a( = b"), HasSubstr("the closing / is missing"));
  EXPECT_THAT(error_of("/a(/ = b"), HasSubstr("no regular expression: "));
  EXPECT_THAT(error_of("\"a = b"), HasSubstr("the closing \" is missing"));
  EXPECT_THAT(error_of(R"(/a(\d)/ = b\2)"), HasSubstr(R"(a group that the regular expression does not have)"));
  EXPECT_THAT(error_of(R"(b\g<x> = /a(\d)/)"), HasSubstr(R"(a group that the regular expression does not have)"));
  EXPECT_THAT(error_of(R"(/a(\d)/ = b.*)"), HasSubstr("write \\1"));
  EXPECT_THAT(error_of("/a/ = /b/"), HasSubstr("only one side"));
  EXPECT_THAT(error_of("- = -"), HasSubstr("a name on one side"));
  EXPECT_THAT(error_of("@a = b"), HasSubstr("@PORT = @REFERENCE"));
  EXPECT_THAT(error_of("@a out = @b"), HasSubstr("@PORT = @REFERENCE"));
  EXPECT_THAT(NameMap::read("/nowhere/map.txt").error().message, HasSubstr("/nowhere/map.txt: cannot be read"));
}

TEST(NameMap, RulesWithoutExpressionsInvert) {
  const std::string rules = "head = out\nblocks.*.attn.* = layers.*.self.to_*\nmodel.** = **\n";
  for (const std::string name : {"blocks.4.attn.q", "model", "model.a.b", "head"}) {
    const auto there = map_of(rules).to_reference(name);
    EXPECT_NE(there, name);
    EXPECT_EQ(map_of(rules, MapDirection::ReferenceToPort).to_reference(there), name);
  }
}

RC_GTEST_PROP(NameMap, AnyNameAsItIsWrittenIsReadAsItStands, ()) {
  const auto byte = rc::gen::weightedOneOf<char>({{4, rc::gen::elementOf(std::string(" .*\"\\=#/-@out[]"))},
                                                  {1, rc::gen::suchThat<char>([](char c) { return c != '\n'; })}});
  const auto from = *rc::gen::container<std::string>(byte), to = *rc::gen::container<std::string>(byte);
  const auto map = NameMap::parse(internal::written_name(from) + " = " + internal::written_name(to), "map.txt");
  RC_ASSERT(map.has_value());
  RC_ASSERT(map->to_reference(from) == to);
}

}  // namespace
}  // namespace fvhooks
