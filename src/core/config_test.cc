#include "fvhooks/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <ostream>

#include "fvhooks/warning.h"

namespace fvhooks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Expected<TraceConfig> config_of(const std::map<std::string, std::string>& variables) {
  return trace_config_from([&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

class TracingOn : public testing::Test {
 protected:
  TracingOn() : before_(set_warning_handler([this](std::string_view message) { warnings_.emplace_back(message); })) {}
  ~TracingOn() override { set_warning_handler(before_); }

  static Expected<TraceConfig> with(const std::string& name, const std::string& value) {
    return config_of({{"FASTVIDEO_TRACE_ACTIVATIONS", "1"}, {"FASTVIDEO_TRACE_" + name, value}});
  }
  std::vector<std::string> warnings_;

 private:
  WarningHandler before_;
};

TEST(TraceConfig, IsOffUnlessAskedFor) {
  EXPECT_FALSE(config_of({})->enabled);
  EXPECT_FALSE(config_of({{"FASTVIDEO_TRACE_ACTIVATIONS", "0"}})->enabled);
  for (const auto* value : {"1", "", "false", "00", "no"})
    EXPECT_TRUE(config_of({{"FASTVIDEO_TRACE_ACTIVATIONS", value}})->enabled) << value;
}

TEST(TraceConfig, WhenOffABadValueHurtsNobody) { EXPECT_TRUE(config_of({{"FASTVIDEO_TRACE_STEPS", "x"}}).has_value()); }

TEST_F(TracingOn, DefaultsAreFastVideos) {
  const auto config = config_of({{"FASTVIDEO_TRACE_ACTIVATIONS", "1"}});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->layers, "");
  EXPECT_THAT(config->stats, ElementsAre(Stat::AbsMean, Stat::Sum));
  EXPECT_EQ(config->output, "/tmp/fv_trace_<pid>.jsonl");
  EXPECT_TRUE(config->steps.passes(std::nullopt));
  EXPECT_FALSE(config->inputs);
  EXPECT_FALSE(config->root);
  EXPECT_EQ(config->sketch, 64);
  EXPECT_EQ(config->batch, 0U);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(TracingOn, StatisticsKeepTheOrderAskedAndStandOnce) {
  EXPECT_THAT(with("STATS", " dtype, zeros ,,abs_mean,dtype")->stats,
              ElementsAre(Stat::DType, Stat::Zeros, Stat::AbsMean));
}

TEST_F(TracingOn, UnknownStatisticsAreWarnedOfAndSkipped) {
  EXPECT_THAT(with("STATS", "median,max")->stats, ElementsAre(Stat::Max));
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("\"median\"")));
  EXPECT_TRUE(with("STATS", "median")->stats.empty());
}

TEST_F(TracingOn, StepsAreNumbersAndRanges) {
  const auto steps = with("STEPS", " 0, 2 ,10-12")->steps;
  for (const auto step : {0, 2, 10, 11, 12}) EXPECT_TRUE(steps.passes(step)) << step;
  for (const auto step : {-1, 1, 3, 9, 13}) EXPECT_FALSE(steps.passes(step)) << step;
  EXPECT_FALSE(steps.passes(std::nullopt));
  EXPECT_TRUE(with("STEPS", "-3--1")->steps.passes(-2));
  EXPECT_TRUE(with("STEPS", "  ")->steps.passes(5));
}

TEST_F(TracingOn, NothingIsCapturedUnlessAFolderIsNamed) {
  EXPECT_EQ(with("STEPS", "")->capture, "");
  EXPECT_EQ(with("CAPTURE", "/captures of today")->capture, "/captures of today");
}

TEST_F(TracingOn, TheLimitOfCapturesTakesSuffixes) {
  EXPECT_EQ(with("CAPTURE", "c")->capture_limit, std::uint64_t{8} << 30);
  EXPECT_EQ(with("CAPTURE_LIMIT", "0")->capture_limit, 0U);
  EXPECT_EQ(with("CAPTURE_LIMIT", " 4096 ")->capture_limit, 4096U);
  EXPECT_EQ(with("CAPTURE_LIMIT", "3k")->capture_limit, 3U << 10);
  EXPECT_EQ(with("CAPTURE_LIMIT", "5M")->capture_limit, 5U << 20);
  EXPECT_EQ(with("CAPTURE_LIMIT", "2G")->capture_limit, std::uint64_t{2} << 30);
  EXPECT_EQ(with("CAPTURE_LIMIT", "16777215t")->capture_limit, std::uint64_t{16777215} << 40);
}

struct BadValue {
  const char* variable;
  const char* value;

  friend void PrintTo(const BadValue& bad, std::ostream* out) { *out << bad.variable << "='" << bad.value << "'"; }
};
class BadValues : public testing::TestWithParam<BadValue> {};

TEST_P(BadValues, AreAnErrorThatNamesVariableAndValue) {
  const auto config = config_of({{"FASTVIDEO_TRACE_ACTIVATIONS", "1"},
                                 {std::string("FASTVIDEO_TRACE_") + GetParam().variable, GetParam().value}});
  ASSERT_FALSE(config.has_value());
  EXPECT_THAT(config.error().message, HasSubstr(GetParam().variable));
  EXPECT_THAT(config.error().message, HasSubstr(GetParam().value));
}

INSTANTIATE_TEST_SUITE_P(Table, BadValues,
                         testing::Values(BadValue{"STEPS", "first"}, BadValue{"STEPS", "3-1"}, BadValue{"STEPS", "1.5"},
                                         BadValue{"STEPS", "0;2"}, BadValue{"STEPS", "99999999999999999999"},
                                         BadValue{"STEPS", "1-"}, BadValue{"STEPS", ","}, BadValue{"INPUTS", "yes"},
                                         BadValue{"ROOT", "transformer"}, BadValue{"SKETCH", "100"},
                                         BadValue{"SKETCH", "-64"}, BadValue{"SKETCH", ""}, BadValue{"SKETCH", "64.0"},
                                         BadValue{"BATCH", "-1"}, BadValue{"BATCH", "1e6"},
                                         BadValue{"BATCH", "1000001"}, BadValue{"OUTPUT", ""},
                                         BadValue{"CAPTURE_LIMIT", ""}, BadValue{"CAPTURE_LIMIT", "G"},
                                         BadValue{"CAPTURE_LIMIT", "-1"}, BadValue{"CAPTURE_LIMIT", "1.5G"},
                                         BadValue{"CAPTURE_LIMIT", "8GB"}, BadValue{"CAPTURE_LIMIT", "16777216T"}));

TEST_F(TracingOn, EachReadIsNew) {
  int value = 64;
  const Environment environment = [&](const char* name) -> std::optional<std::string> {
    if (std::string(name) == "FASTVIDEO_TRACE_ACTIVATIONS") return "1";
    if (std::string(name) == "FASTVIDEO_TRACE_SKETCH") return std::to_string(value);
    return std::nullopt;
  };
  EXPECT_EQ(trace_config_from(environment)->sketch, 64);
  value = 0;
  EXPECT_EQ(trace_config_from(environment)->sketch, 0);
}

}  // namespace
}  // namespace fvhooks
