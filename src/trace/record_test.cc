#include "fvhooks/record.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "trace/json_format.h"
#include "trace/test_support.h"

namespace fvhooks {
namespace {

using testing::line_of;

Record record_with(Value value) {
  Record record;
  record.module = "m";
  record.tensor = "out";
  record.stats.emplace_back("s", std::move(value));
  return record;
}

std::string written(Value value) {
  const auto line = line_of(record_with(std::move(value)));
  const auto start = line.find("\"s\":") + 4;
  return line.substr(start, line.rfind('}') - start);
}

constexpr auto kMax = std::numeric_limits<double>::max();
constexpr auto kInf = std::numeric_limits<double>::infinity();
constexpr auto kNan = std::numeric_limits<double>::quiet_NaN();

TEST(Record, HasFastVideosKeysFirstAndOursBehind) {
  Record record;
  record.module = "blocks.0.attn1.to_q";
  record.tensor = "out";
  record.step = 3;
  record.stats = {{"abs_mean", 0.5172}, {"sum", -12.25}};
  record.call = 1;
  record.seq = 4711;
  record.run = "9f3c01aa";
  record.root = "transformer";
  record.rank = 2;
  record.nan = 3;
  record.inf = 4;
  EXPECT_EQ(line_of(record),
            R"({"module":"blocks.0.attn1.to_q","tensor":"out","step":3,"abs_mean":0.5172,"sum":-12.25,"call":1,)"
            R"("seq":4711,"run":"9f3c01aa","root":"transformer","rank":2,"nan":3,"inf":4})"
            "\n");
}

TEST(Record, HasWhatInjectionDidAtItsEnd) {
  Record record;
  record.injection = {Injected::Replaced, 0.25};
  EXPECT_EQ(line_of(record), R"({"module":"","tensor":"","step":null,"inject":"replaced","inject_error":0.25})"
                             "\n");
  record.injection = {Injected::Compared, kInf};
  EXPECT_NE(line_of(record).find(R"("inject":"compared","inject_error":"Infinity"})"), std::string::npos);
}

TEST(Record, LeavesOutWhatItHasNot) {
  Record record;
  EXPECT_EQ(line_of(record), "{\"module\":\"\",\"tensor\":\"\",\"step\":null}\n");
}

TEST(Record, WritesFloatsShortWithAPointOrAnExponent) {
  EXPECT_EQ(written(2.0), "2.0");
  EXPECT_EQ(written(0.0), "0.0");
  EXPECT_EQ(written(-0.0), "-0.0");
  EXPECT_EQ(written(0.1), "0.1");
  EXPECT_EQ(written(1e-7), "1e-07");
  EXPECT_EQ(written(1e22), "1e+22");
  EXPECT_EQ(written(16777217.0), "16777217.0");
  EXPECT_EQ(written(kMax), "1.7976931348623157e+308");
  EXPECT_EQ(written(5e-324), "5e-324");
}

TEST(Record, WritesNonFiniteNumbersAsStringsSoThatEachLineIsJson) {
  EXPECT_EQ(written(kNan), "\"NaN\"");
  EXPECT_EQ(written(kInf), "\"Infinity\"");
  EXPECT_EQ(written(-kInf), "\"-Infinity\"");
}

TEST(Record, WritesIntegersOf128BitsExactly) {
  constexpr Int128 kLargest = ((Int128{1} << 126) - 1) * 2 + 1;
  EXPECT_EQ(written(Int128{0}), "0");
  EXPECT_EQ(written(Int128{-1}), "-1");
  EXPECT_EQ(written(Int128{16777217}), "16777217");
  EXPECT_EQ(written(kLargest), "170141183460469231731687303715884105727");
  EXPECT_EQ(written(-kLargest - 1), "-170141183460469231731687303715884105728");
}

TEST(Record, WritesShapesTextAndNull) {
  EXPECT_EQ(written(std::vector<std::int64_t>{}), "[]");
  EXPECT_EQ(written(std::vector<std::int64_t>{4, 77}), "[4,77]");
  EXPECT_EQ(written(nullptr), "null");
  EXPECT_EQ(written(std::string("<error: \"x\">")), R"("<error: \"x\">")");
}

TEST(Record, EscapesControlCharactersAndReplacesWhatIsNotUtf8) {
  EXPECT_EQ(written(std::string("a\tb\nc\x01\x7F")), R"("a\tb\nc\u0001\u007f")");
  EXPECT_EQ(written(std::string("\xC3\xA9\xFF")), "\"\xC3\xA9\xEF\xBF\xBD\"");
  EXPECT_EQ(written(std::string(1, '\0')), R"("\u0000")");
}

TEST(Record, KeepsRawJsonOnOneLine) { EXPECT_EQ(written(RawJson{"{\n\"a\":\r\n1}"}), "{ \"a\":  1}"); }

TEST(Record, FindsStatisticsAndTheirNumbers) {
  Record record;
  record.stats = {{"a", 0.5}, {"b", Int128{3}}, {"c", std::string("NaN")}, {"d", std::string("x")}, {"e", nullptr}};
  EXPECT_EQ(record.find("none"), nullptr);
  EXPECT_EQ(record.number("none"), std::nullopt);
  EXPECT_EQ(record.number("a"), 0.5);
  EXPECT_EQ(record.number("b"), 3.0);
  EXPECT_TRUE(std::isnan(*record.number("c")));
  EXPECT_EQ(record.number("d"), std::nullopt);
  EXPECT_EQ(record.number("e"), std::nullopt);
}

// DESIGN: everything cast to float loses 2^24+1 and 1e300.
TEST(StatValue, GivesExactIntegersForIntegerTensors) {
  const std::array<std::int64_t, 2> data{16777217, std::numeric_limits<std::int64_t>::min()};
  const std::array<std::int64_t, 1> sizes{2}, strides{1};
  const TensorView tensor{data.data(), DType::Int64, sizes, strides};
  const auto stats = tensor_stats(tensor, 0, nullptr);
  EXPECT_EQ(written(stat_value(Stat::Max, stats, tensor)), "16777217");
  EXPECT_EQ(written(stat_value(Stat::Min, stats, tensor)), "-9223372036854775808");
  EXPECT_EQ(written(stat_value(Stat::AbsMax, stats, tensor)), "9223372036854775808");
  EXPECT_EQ(written(stat_value(Stat::Sum, stats, tensor)), "-9223372036837998591");
  EXPECT_EQ(written(stat_value(Stat::Zeros, stats, tensor)), "0");
  EXPECT_EQ(written(stat_value(Stat::Shape, stats, tensor)), "[2]");
  EXPECT_EQ(written(stat_value(Stat::DType, stats, tensor)), "\"torch.int64\"");
}

TEST(StatValue, GivesNullForTheExtremaOfNothing) {
  const std::array<std::int64_t, 2> sizes{0, 64}, strides{64, 1};
  const TensorView tensor{nullptr, DType::Float32, sizes, strides};
  const auto stats = tensor_stats(tensor, 0, nullptr);
  for (const auto stat : {Stat::Min, Stat::Max, Stat::AbsMax})
    EXPECT_EQ(written(stat_value(stat, stats, tensor)), "null");
  EXPECT_EQ(written(stat_value(Stat::Sum, stats, tensor)), "0.0");
  EXPECT_EQ(written(stat_value(Stat::Mean, stats, tensor)), "\"NaN\"");
  EXPECT_EQ(written(stat_value(Stat::Shape, stats, tensor)), "[0,64]");
}

TEST(SketchText, IsVersionBucketsAndLittleEndianBase64) {
  Sketch sketch;
  sketch.buckets = 64;
  sketch.values[0] = 1.0F;  // 00 00 80 3f
  const auto text = encode_sketch(sketch);
  EXPECT_EQ(text.substr(0, 13), "1:64:AACAPwAA");
  EXPECT_EQ(text.size(), 5U + 344);
  EXPECT_TRUE(text.ends_with("A=="));
}

TEST(SketchText, ReadsBackTheSameBits) {
  for (const int buckets : {64, 128, 256}) {
    Sketch sketch;
    sketch.buckets = buckets;
    for (int i = 0; i < buckets; ++i)
      sketch.values[static_cast<std::size_t>(i)] = std::ldexp(1.0F / 3, i - 100) * (i % 2 ? -1 : 1);
    const auto read = decode_sketch(encode_sketch(sketch));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->buckets, buckets);
    EXPECT_EQ(read->values, sketch.values);
  }
}

TEST(SketchText, RefusesWhatIsNoSketch) {
  Sketch sketch;
  sketch.buckets = 64;
  const auto good = encode_sketch(sketch);
  ASSERT_TRUE(decode_sketch(good));
  for (const auto& bad : {std::string(), std::string("1:64:"), "2" + good.substr(1), "1:65" + good.substr(4),
                          good + "A", good.substr(0, good.size() - 1), good.substr(0, good.size() - 1) + "A",
                          good.substr(0, 9) + "*" + good.substr(10), "1:128" + good.substr(4)}) {
    EXPECT_FALSE(decode_sketch(bad)) << bad;
  }
}

}  // namespace
}  // namespace fvhooks
