#include "fvhooks/find_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>

#include "core/testing/temporary_folder.h"
#include "fvhooks/name_map.h"
#include "fvhooks/record.h"

namespace fvhooks {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// One output of one module.
struct Output {
  std::string module;
  std::vector<float> values;  // of its sketch
  std::string tensor = "out";
  std::vector<std::int64_t> shape = {1, 64};
};
using Outputs = std::vector<Output>;

class Values {
 public:
  explicit Values(std::uint32_t seed) : generator_(seed) {}
  std::vector<float> fresh() {
    std::vector<float> values(64);
    for (auto& value : values) value = normal_(generator_);
    return values;
  }
  std::vector<float> rounded(std::vector<float> values, float noise) {
    for (auto& value : values) value += noise * normal_(generator_);
    return values;
  }

 private:
  std::mt19937 generator_;
  std::normal_distribution<float> normal_;
};

std::string trace_of(const Outputs& outputs) {
  std::string text;
  std::uint64_t seq = 0;
  for (const auto& output : outputs) {
    Record record;
    record.module = output.module;
    record.tensor = output.tensor;
    record.step = 0;
    record.stats = {{"shape", output.shape}};
    record.call = 0;
    record.seq = seq++;
    record.run = "00000001";
    record.sketch.buckets = 64;
    std::copy(output.values.begin(), output.values.end(), record.sketch.values.begin());
    append_json(text, record);
  }
  return text;
}

FoundMap find(const Outputs& reference, const Outputs& port) {
  const testing::TemporaryFolder folder;
  const auto write = [&](const std::string& name, const Outputs& outputs) {
    const auto path = (folder.path() / name).string();
    std::ofstream(path) << trace_of(outputs);
    return path;
  };
  return find_map(write("reference.jsonl", reference), write("port.jsonl", port)).value();
}

NameMap rules_of(const FoundMap& map) { return NameMap::parse(map_file(map), "map.txt").value(); }

// Blocks of modules in a reference, and the same under other names in a port.
struct Models {
  Outputs reference, port;
  std::map<std::string, std::string> expected;  // port's name to reference's
  std::size_t block_size = 0;
  Values values;  // for more
};

Models random_models(std::uint32_t seed, int blocks, int leaves, float noise) {
  Models models{{}, {}, {}, static_cast<std::size_t>(leaves), Values(seed)};
  auto& values = models.values;
  for (int block = 0; block < blocks; ++block) {
    for (int leaf = 0; leaf < leaves; ++leaf) {
      const auto reference = "blocks." + std::to_string(block) + "." + std::string(1, static_cast<char>('a' + leaf));
      const auto port = "layers." + std::to_string(block) + ".p" + std::string(1, static_cast<char>('z' - leaf));
      models.reference.push_back({reference, values.fresh()});
      models.port.push_back({port, values.rounded(models.reference.back().values, noise)});
      models.expected[port] = reference;
    }
  }
  return models;
}

Models any_models(float noise) {
  return random_models(*rc::gen::arbitrary<std::uint32_t>(), *rc::gen::inRange(2, 6), *rc::gen::inRange(1, 9), noise);
}

void expect_recovered(const Models& models, const FoundMap& found) {
  const auto rules = rules_of(found);
  for (const auto& [port, reference] : models.expected) {
    RC_ASSERT(rules.to_reference(port, "out") == (TensorName{reference, "out"}));
  }
}

RC_GTEST_PROP(FindMap, RecoversARenamingAsOneRuleForAllBlocks, ()) {
  const auto models = any_models(1e-5F);
  const auto found = find(models.reference, models.port);
  expect_recovered(models, found);
  RC_ASSERT(found.rules.size() == models.block_size);
}

RC_GTEST_PROP(FindMap, RoundingOfHalfPrecisionIsNoHindrance, ()) {
  const auto models = any_models(2e-2F);
  expect_recovered(models, find(models.reference, models.port));
}

RC_GTEST_PROP(FindMap, RecoversModulesThatAreExecutedInAnotherOrder, ()) {
  auto models = any_models(1e-5F);
  for (std::size_t i = 0; i + 1 < models.port.size(); ++i) {
    if (*rc::gen::arbitrary<bool>()) std::swap(models.port[i], models.port[i + 1]);
  }
  expect_recovered(models, find(models.reference, models.port));
}

RC_GTEST_PROP(FindMap, InventsNothingForModulesThatOneSideLacks, ()) {
  auto models = any_models(1e-5F);
  const auto last = models.port.back();
  std::erase_if(models.port, [&](const Output& output) {
    const bool is_gone = output.module != last.module && *rc::gen::inRange(0, 4) == 0;
    if (is_gone) models.expected.erase(output.module);
    return is_gone;
  });
  std::erase_if(models.reference, [&](const Output& output) {
    const auto of = std::find_if(models.expected.begin(), models.expected.end(),
                                 [&](const auto& pair) { return pair.second == output.module; });
    const bool is_gone = of != models.expected.end() && of->first != last.module && *rc::gen::inRange(0, 4) == 0;
    if (is_gone) models.expected.erase(of);
    return is_gone;
  });
  const auto rules = rules_of(find(models.reference, models.port));
  for (const auto& output : models.port) {
    const auto expected = models.expected.find(output.module);
    const auto mapped = rules.to_reference(output.module, "out");
    if (expected != models.expected.end()) {
      RC_ASSERT(mapped == (TensorName{expected->second, "out"}));
    } else {
      // Left out, or under its own name: but never another module's.
      RC_ASSERT(!mapped || std::none_of(models.reference.begin(), models.reference.end(),
                                        [&](const auto& other) { return other.module == mapped->module; }));
    }
  }
}

RC_GTEST_PROP(FindMap, AfterADivergenceTheOtherBlocksTell, ()) {
  auto models = any_models(1e-5F);
  const auto from = *rc::gen::inRange(models.block_size, models.port.size());
  for (auto i = from; i < models.port.size(); ++i) models.port[i].values = models.values.fresh();
  expect_recovered(models, find(models.reference, models.port));
}

TEST(FindMap, ATensorThatIsCalledOtherwiseGetsARuleOfItsOwn) {
  Values values(1);
  const auto a = values.fresh();
  const auto found = find({{"proj", a}}, {{"proj", a, "out[0]"}});
  EXPECT_EQ(rules_of(found).to_reference("proj", "out[0]"), (TensorName{"proj", "out"}));
}

TEST(FindMap, AContainerGoesWithAContainerAndADropoutWithNone) {
  Values values(1);
  const auto a = values.fresh(), b = values.fresh();
  const Outputs reference = {{"attn1.to_out.0", a}, {"attn1.to_out.1", a}, {"attn1", a}, {"ffn", b}};
  const auto found = find(reference, {{"self.o", a}, {"self", a}, {"mlp", b}});
  const auto rules = rules_of(found);
  EXPECT_EQ(rules.to_reference("self.o"), "attn1.to_out.0");
  EXPECT_EQ(rules.to_reference("self"), "attn1");
  EXPECT_TRUE(rules.is_missing_in_port("attn1.to_out.1", "out"));
}

TEST(FindMap, ANameThatStandsForAnotherValueIsNotTaken) {
  Values values(1);
  const auto normed = values.fresh(), modulated = values.fresh(), out = values.fresh();
  const auto found = find({{"norm_out", normed}, {"proj_out", out}},
                          {{"norm_out.norm", normed}, {"norm_out", modulated}, {"proj_out", out}});
  const auto rules = rules_of(found);
  EXPECT_EQ(rules.to_reference("norm_out.norm"), "norm_out");
  EXPECT_EQ(rules.to_reference("norm_out", "out"), std::nullopt);
}

TEST(FindMap, WhatCannotBeToldIsListedAndNotLeftOut) {
  Values values(1);
  const auto found = find({{"a", values.fresh()}, {"b.x", values.fresh()}},
                          {{"zz", values.fresh(), "out", {3}}, {"yy", values.fresh(), "out", {5}}});
  EXPECT_THAT(found.rules, IsEmpty());
  EXPECT_THAT(found.unknown_in_port, ElementsAre("zz", "yy"));
  EXPECT_THAT(found.unknown_in_reference, ElementsAre("a", "b.x"));
  EXPECT_THAT(map_file(found), HasSubstr("\n# ? zz\n"));
}

TEST(FindMap, SaysHowSureItIs) {
  Values values(1);
  const auto a = values.fresh();
  const auto found = find({{"a", a}}, {{"b", a}});
  EXPECT_THAT(found.rules, Contains(Field(&FoundRule::evidence, "1 with outputs that agree to 0")));
  EXPECT_DOUBLE_EQ(found.rules.front().confidence, 0.9);
}

TEST(FindMap, OneStatisticThatAgreesMakesItLessSureThanASketch) {
  const testing::TemporaryFolder folder;
  const auto write = [&](const std::string& module, const std::string& stats) {
    const auto path = (folder.path() / module).string();
    std::ofstream(path) << R"({"module":")" << module << R"(","tensor":"out","step":0,)" << stats << "}\n";
    return path;
  };
  const auto one = find_map(write("a", R"("abs_mean":0.79)"), write("b", R"("abs_mean":0.79)")).value();
  EXPECT_EQ(one.rules.front().evidence, "1 with outputs that agree to 0 in one statistic");
  EXPECT_DOUBLE_EQ(one.rules.front().confidence, 0.6);
  const auto two =
      find_map(write("a", R"("abs_mean":0.79,"std":1.5)"), write("b", R"("abs_mean":0.79,"std":1.5)")).value();
  EXPECT_DOUBLE_EQ(two.rules.front().confidence, 0.8);
  EXPECT_THAT(find_map(write("a", R"("abs_mean":0.79)"), write("b", R"("abs_mean":0.80)")).value().rules,
              Not(Contains(Field(&FoundRule::evidence, HasSubstr("outputs")))))
      << "every norm has about that mean";
}

TEST(FindMap, ARootThatIsNearByChanceLeavesNoModuleBeforeItUnnamed) {
  auto models = random_models(3, 2, 3, 1e-6F);
  auto& values = models.values;
  const auto head = values.fresh(), root = values.fresh();
  models.reference.insert(models.reference.end(), {{"proj_out", head}, {"", root}});
  models.port.back().values = values.fresh();  // goes wrong here
  models.port.insert(models.port.end(), {{"head.head", values.fresh()}, {"", values.rounded(root, 0.18F)}});
  const auto found = find(models.reference, models.port);
  EXPECT_EQ(rules_of(found).to_reference("head.head"), "proj_out");
  const auto of_root =
      std::find_if(found.rules.begin(), found.rules.end(), [](const FoundRule& rule) { return rule.port == R"("")"; });
  ASSERT_NE(of_root, found.rules.end());
  EXPECT_THAT(of_root->evidence, HasSubstr("near each other"));
  EXPECT_LE(of_root->confidence, 0.6);
}

TEST(FindMap, AThousandModulesAreNoMatter) {
  const auto models = random_models(7, 150, 8, 1e-5F);
  const auto found = find(models.reference, models.port);
  EXPECT_EQ(found.rules.size(), 8U);
  EXPECT_EQ(rules_of(found).to_reference("layers.149.pz"), "blocks.149.a");
}

TEST(FindMap, NamesTheFileThatCannotBeRead) {
  EXPECT_THAT(find_map("/nowhere.jsonl", "-").error().message, HasSubstr("/nowhere.jsonl"));
  EXPECT_THAT(find_map("-", "-").error().message, HasSubstr("standard input"));
}

}  // namespace
}  // namespace fvhooks
