#include "fvhooks/label.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace fvhooks {
namespace {

std::string out_key(std::string_view key) {
  const Label root{nullptr, std::string_view("out")};
  return to_string(Label{&root, LabelKey{key}});
}

TEST(Label, IsSpelledAsFastVideoSpellsIt) {
  const Label out{nullptr, std::string_view("out")};
  const Label second{&out, LabelIndex{1}};
  const Label sample{&second, LabelKey{"sample"}};
  EXPECT_EQ(to_string(out), "out");
  EXPECT_EQ(to_string(second), "out[1]");
  EXPECT_EQ(to_string(sample), "out[1].sample");
}

TEST(Label, QuotesWhatWouldReadLikeAnotherPath) {
  EXPECT_EQ(out_key("a.b"), R"(out["a.b"])");
  EXPECT_EQ(out_key("1"), R"(out["1"])");
  EXPECT_EQ(out_key("-1"), R"(out["-1"])");
  EXPECT_EQ(out_key(""), R"(out[""])");
  EXPECT_EQ(out_key("say \"x\"\n"), R"(out["say \"x\"\n"])");
  EXPECT_EQ(out_key("up-proj_2"), "out.up-proj_2");
  EXPECT_EQ(out_key("größe"), R"(out["größe"])");
}

TEST(Label, ReplacesWhatIsNotUtf8) { EXPECT_EQ(out_key("\xC3"), "out[\"\xEF\xBF\xBD\"]"); }

TEST(Label, IntegerKeysAreBare) {
  const Label out{nullptr, std::string_view("out")};
  EXPECT_EQ(to_string(Label{&out, LabelIntegerKey{1}}), "out.1");
  EXPECT_EQ(to_string(Label{&out, LabelIntegerKey{-3}}), "out.-3");
}

RC_GTEST_PROP(Label, DifferentPathsHaveDifferentLabels, ()) {
  const auto alphabet = rc::gen::container<std::string>(rc::gen::element('a', '.', '[', ']', '"', '1', '\\', '-'));
  const auto paths = *rc::gen::container<std::vector<std::vector<std::string>>>(
      rc::gen::container<std::vector<std::string>>(alphabet));
  std::set<std::vector<std::string>> distinct(paths.begin(), paths.end());
  std::set<std::string> labels;
  for (const auto& path : distinct) {
    std::vector<Label> links{{nullptr, std::string_view("out")}};
    links.reserve(path.size() + 1);
    for (const auto& key : path) links.push_back({&links.back(), LabelKey{key}});
    labels.insert(to_string(links.back()));
  }
  RC_ASSERT(labels.size() == distinct.size());
}

}  // namespace
}  // namespace fvhooks
