#include "fvhooks/trace_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "trace/test_support.h"

namespace fvhooks {
namespace {

using ::testing::HasSubstr;
using testing::line_of;
using testing::read_file;
using testing::read_text;
using ::testing::SizeIs;
using testing::TemporaryFolder;

const std::string kGood = "{\"module\":\"good\",\"tensor\":\"out\",\"step\":1,\"sum\":2.5}\n";

Record only_record(const std::string& text) {
  const auto trace = read_text(text);
  EXPECT_THAT(trace.problems, SizeIs(0)) << (trace.problems.empty() ? "" : trace.problems[0].message);
  EXPECT_THAT(trace.records, SizeIs(1));
  return trace.records.empty() ? Record{} : trace.records[0];
}

Record with_stat(const std::string& json) {
  return only_record(R"({"module":"m","tensor":"out","step":null,"s":)" + json + "}\n");
}

// The problem of a line that stands between two good ones.
std::string problem_with(const std::string& line) {
  const auto trace = read_text(kGood + line + "\n" + kGood);
  EXPECT_THAT(trace.records, SizeIs(2)) << line;
  EXPECT_THAT(trace.problems, SizeIs(1)) << line;
  if (trace.problems.empty()) return {};
  EXPECT_EQ(trace.problems[0].line, 2U);
  return trace.problems[0].message;
}

TEST(TraceReader, ReadsFastVideosOwnLines) {
  const auto record = only_record(
      "{\"module\": \"norm\", \"tensor\": \"out\", \"step\": 0, \"abs_mean\": NaN, \"max\": Infinity, "
      "\"min\": -Infinity, \"sum\": 1e-07, \"shape\": [4, 77], \"dtype\": \"torch.float32\"}\n");
  EXPECT_EQ(record.module, "norm");
  EXPECT_EQ(record.step, 0);
  EXPECT_TRUE(std::isnan(*record.number("abs_mean")));
  EXPECT_EQ(record.number("max"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(record.number("min"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(record.number("sum"), 1e-7);
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(*record.find("shape")), (std::vector<std::int64_t>{4, 77}));
  EXPECT_EQ(std::get<std::string>(*record.find("dtype")), "torch.float32");
  EXPECT_EQ(record.call, std::nullopt);
  EXPECT_EQ(record.stats[0].first, "abs_mean");
  EXPECT_EQ(record.stats[5].first, "dtype");
}

TEST(TraceReader, ReadsOurKeys) {
  const auto record = only_record(
      R"({"module":"","tensor":"in[0]","step":-3,"call":1,"seq":18446744073709551615,"run":"9f3c01aa","root":"vae",)"
      R"("rank":7,"nan":2,"inf":3})");
  EXPECT_EQ(record.module, "");
  EXPECT_EQ(record.step, -3);
  EXPECT_EQ(record.call, 1U);
  EXPECT_EQ(record.seq, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(record.run, "9f3c01aa");
  EXPECT_EQ(record.root, "vae");
  EXPECT_EQ(record.rank, 7);
  EXPECT_EQ(record.nan, 2U);
  EXPECT_EQ(record.inf, 3U);
  EXPECT_TRUE(record.stats.empty());
}

TEST(TraceReader, TakesTheStringsOfNonFiniteNumbersForNumbers) {
  EXPECT_TRUE(std::isnan(std::get<double>(*with_stat("\"NaN\"").find("s"))));
  EXPECT_EQ(std::get<double>(*with_stat("\"-Infinity\"").find("s")), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(std::get<std::string>(*with_stat("\"nan\"").find("s")), "nan");
}

TEST(TraceReader, KeepsIntegersExactAsFarAs128BitsReach) {
  EXPECT_EQ(std::get<Int128>(*with_stat("16777217").find("s")), 16777217);
  EXPECT_EQ(std::get<Int128>(*with_stat("-9223372036854775809").find("s")),
            Int128{std::numeric_limits<std::int64_t>::min()} - 1);
  EXPECT_EQ(std::get<double>(*with_stat("170141183460469231731687303715884105728").find("s")), 0x1p127);
  EXPECT_EQ(std::get<double>(*with_stat("2.0").find("s")), 2.0);
}

TEST(TraceReader, ReadsNumbersOutOfRangeAsPythonDoes) {
  EXPECT_EQ(with_stat("1e400").number("s"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(with_stat("-1e400").number("s"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(with_stat("1e-400").number("s"), 0.0);
  EXPECT_EQ(with_stat("0." + std::string(500, '0') + "1").number("s"), 0.0);
  EXPECT_EQ(with_stat("0.0000001e99999999999999999999").number("s"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(with_stat("1e-99999999999999999999").number("s"), 0.0);
  EXPECT_EQ(with_stat("0e999").number("s"), 0.0);
  EXPECT_EQ(with_stat(std::string(400, '9')).number("s"), std::numeric_limits<double>::infinity());
}

TEST(TraceReader, KeepsWhatElseACallersStatisticGave) {
  EXPECT_EQ(std::get<RawJson>(*with_stat(R"({"a": [1, "x", null, NaN]} )").find("s")).text,
            R"({"a": [1, "x", null, NaN]})");
  EXPECT_EQ(std::get<RawJson>(*with_stat("[1, 2.5]").find("s")).text, "[1, 2.5]");
  EXPECT_EQ(std::get<RawJson>(*with_stat("[[1], []]").find("s")).text, "[[1], []]");
  EXPECT_EQ(std::get<RawJson>(*with_stat("[99999999999999999999]").find("s")).text, "[99999999999999999999]");
  EXPECT_EQ(std::get<RawJson>(*with_stat("true").find("s")).text, "true");
  EXPECT_TRUE(std::get<std::vector<std::int64_t>>(*with_stat("[]").find("s")).empty());
  EXPECT_TRUE(std::holds_alternative<std::nullptr_t>(*with_stat("null").find("s")));
  EXPECT_EQ(std::get<std::string>(*with_stat(R"("\u00e9\n\"")").find("s")), "\xC3\xA9\n\"");
}

TEST(TraceReader, LetsTheLastOfTwoEqualKeysCount) {
  const auto record = only_record(R"({"module":"a","module":"b","tensor":"out","sum":1,"max":3,"sum":2})");
  EXPECT_EQ(record.module, "b");
  EXPECT_EQ(record.stats, (decltype(record.stats){{"sum", Int128{2}}, {"max", Int128{3}}}));
}

TEST(TraceReader, NamesLinesThatAreNoRecordsAndGoesOn) {
  EXPECT_EQ(problem_with("[1]"), "not a JSON object");
  EXPECT_EQ(problem_with("3"), "not a JSON object");
  EXPECT_EQ(problem_with("rubbish"), "not a JSON object");
  EXPECT_EQ(problem_with("{}"), "no \"module\"");
  EXPECT_EQ(problem_with(R"({"module":"m"})"), "no \"tensor\"");
  EXPECT_EQ(problem_with(R"({"module":1,"tensor":"out"})"), "\"module\" is not a string");
  EXPECT_EQ(problem_with(R"({"module":"m","tensor":"out","step":1.5})"), "\"step\" is not an integer of 64 bits");
  EXPECT_EQ(problem_with(R"({"module":"m","tensor":"out","step":9223372036854775808})"),
            "\"step\" is not an integer of 64 bits");
  EXPECT_EQ(problem_with(R"({"module":"m","tensor":"out","call":-1})"), "\"call\" is not an integer from 0 to 2^64-1");
  EXPECT_EQ(problem_with("\xFF\xFE{\"module\":\"m\"}"), "not UTF-8");
  EXPECT_EQ(problem_with("{\"module\":\"\xC0\x80\",\"tensor\":\"out\"}"), "not UTF-8");
  EXPECT_EQ(problem_with(R"({"module":"m","tensor":"out"} {"module":"m","tensor":"out"})"),
            "more than one JSON object");
}

TEST(TraceReader, NamesLinesThatAreNotJson) {
  const std::string start = R"({"module":"m","tensor":"out","s":)";
  for (const std::string bad :
       {"01}",         "1.}",   ".5}",      "+1}",          "1e}",        "0x10}",        "--1}",
        "nan}",        "NaNx}", "Infinit}", "tru}",         "nulll}",     "1 2}",         "1,}",
        "1 \"t\":2}",  "[1,}",  "[1,,2]}",  "[1}",          "{\"a\"}}",   "{\"a\":}}",    "{1:2}}",
        "{\"a\":1,}}", "\"a}",  "\"\\x\"}", "\"\\ud800\"}", "[\"\\x\"]}", "{\"\\x\":1}}", "[nope]}",
        "1",           "",      "}",        "1}}",          "1}x",        "[1]]}",        "{\"a\":[}]}"}) {
    problem_with(start + bad);
  }
  problem_with(std::string("{\"module\":\"a\0b\",\"tensor\":\"out\"}", 31));
  problem_with(std::string(17, '\0'));
  problem_with(std::string(1000, '['));
}

TEST(TraceReader, PassesOverBlankLinesAndWindowsLineEnds) {
  const auto trace = read_text("\n  \t\n" + kGood);
  EXPECT_THAT(trace.records, SizeIs(1));
  EXPECT_THAT(trace.problems, SizeIs(0));
  const auto windows = read_text("\xEF\xBB\xBF{\"module\":\"m\",\"tensor\":\"out\",\"step\":2}\r\n\r\n \r\n" + kGood);
  EXPECT_THAT(windows.records, SizeIs(2));
  EXPECT_THAT(windows.problems, SizeIs(0));
  EXPECT_THAT(read_text("").records, SizeIs(0));
}

TEST(TraceReader, SaysThatALastLineIsTorn) {
  const auto trace = read_text(kGood + kGood.substr(0, 30));
  EXPECT_THAT(trace.records, SizeIs(1));
  ASSERT_THAT(trace.problems, SizeIs(1));
  EXPECT_EQ(trace.problems[0].line, 2U);
  EXPECT_EQ(trace.problems[0].message, "the file ends within this line");
}

TEST(TraceReader, ReadsALastLineThatLacksOnlyItsNewline) {
  EXPECT_EQ(only_record(kGood.substr(0, kGood.size() - 1)).module, "good");
}

TEST(TraceReader, SkipsLinesBeyondItsLimitWithoutKeepingThem) {
  auto reader = TraceReader::from_text(kGood + "{\"module\":\"" + std::string(3'000'000, 'x') + "\"}\n" + kGood, 1000);
  const auto trace = testing::read_all(std::move(reader));
  EXPECT_THAT(trace.records, SizeIs(2));
  ASSERT_THAT(trace.problems, SizeIs(1));
  EXPECT_EQ(trace.problems[0].message, "longer than 1000 bytes");
  EXPECT_EQ(trace.problems[0].line, 2U);
}

TEST(TraceReader, ReadsLinesOfEveryLengthAcrossItsBlocks) {
  std::string text;
  std::vector<std::size_t> lengths;
  for (std::size_t length = 1; length < 600'000; length = length * 3 + 7) {
    for (int i = 0; i < 3; ++i) {
      lengths.push_back(length);
      text += "{\"module\":\"" + std::string(length, 'x') + "\",\"tensor\":\"out\"}\n";
    }
  }
  const auto trace = read_text(text);
  ASSERT_THAT(trace.records, SizeIs(lengths.size()));
  for (std::size_t i = 0; i < lengths.size(); ++i) EXPECT_EQ(trace.records[i].module.size(), lengths[i]);
}

TEST(TraceReader, BoundsDepthAndNumberOfStatistics) {
  EXPECT_THAT(problem_with(R"({"module":"m","tensor":"out","s":)" + std::string(70, '[') + std::string(70, ']') + "}"),
              HasSubstr("nested deeper than 64"));
  EXPECT_EQ(with_stat(std::string(60, '[') + std::string(60, ']')).stats.size(), 1U);
  std::string many = R"({"module":"m","tensor":"out")";
  for (int i = 0; i < 1001; ++i) many += ",\"s" + std::to_string(i) + "\":1";
  EXPECT_THAT(problem_with(many + "}"), HasSubstr("more than 1000"));
}

TEST(TraceReader, ReadsARecordOfAnInjectionThatItDoesNotKnow) {
  const auto trace = read_text(R"({"module":"m","tensor":"out","sum":1.5,"inject":"doubled"})");
  ASSERT_EQ(trace.records.size(), 1U);
  EXPECT_EQ(trace.records[0].injection.what, Injected::No);
  ASSERT_EQ(trace.problems.size(), 1U);
  EXPECT_THAT(trace.problems[0].message, HasSubstr("inject"));
}

TEST(TraceReader, ReadsARecordWithoutASketchThatItDoesNotKnow) {
  const auto trace = read_text(R"({"module":"m","tensor":"out","sum":1.5,"sketch":"9:64:AAAA"})");
  ASSERT_THAT(trace.records, SizeIs(1));
  EXPECT_EQ(trace.records[0].sketch.buckets, 0);
  ASSERT_THAT(trace.problems, SizeIs(1));
  EXPECT_THAT(trace.problems[0].message, HasSubstr("sketch"));
}

TEST(TraceReader, CarriesNothingFromOneRecordIntoTheNext) {
  Sketch sketch;
  sketch.buckets = 64;
  auto reader =
      TraceReader::from_text(R"({"module":"a","tensor":"out","step":1,"x":[1],"y":"text","call":1,"seq":2,"run":"r",)"
                             R"("root":"t","rank":1,"nan":1,"inf":1,"sketch":")" +
                             encode_sketch(sketch) + "\"}\nrubbish\n{\"module\":\"b\",\"tensor\":\"out\",\"z\":{}}\n");
  Record record;
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(reader.line(), 1U);
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(reader.line(), 3U);
  EXPECT_EQ(line_of(record), "{\"module\":\"b\",\"tensor\":\"out\",\"step\":null,\"z\":{}}\n");
  EXPECT_FALSE(reader.next(record));
}

TEST(TraceReader, CountsAllProblemsAndKeepsTheFirstHundred) {
  std::string text;
  for (int i = 0; i < 250; ++i) text += "rubbish\n";
  auto reader = TraceReader::from_text(text);
  Record record;
  EXPECT_FALSE(reader.next(record));
  EXPECT_EQ(reader.problem_count(), 250U);
  EXPECT_THAT(reader.problems(), SizeIs(100));
  EXPECT_EQ(reader.bytes_read(), reader.bytes_total());
}

TEST(TraceReader, OpensFilesAndSaysWhyNot) {
  TemporaryFolder folder;
  const auto missing = TraceReader::open(folder / "none.jsonl");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("none.jsonl"));
  EXPECT_THAT(missing.error().message, HasSubstr("No such file"));
  EXPECT_FALSE(TraceReader::open(folder.path()));
  std::ofstream(folder / "t.jsonl") << kGood << kGood;
  EXPECT_THAT(read_file(folder / "t.jsonl").records, SizeIs(2));
}

}  // namespace
}  // namespace fvhooks
