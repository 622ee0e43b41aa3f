#include "trace/plain_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <array>

#include "trace/base64.h"
#include "trace/line_reader.h"
#include "trace/record_parser.h"
#include "trace/test_support.h"

namespace fvhooks::internal {
namespace {

using testing::line_of;

// With the bytes behind it that may be read.
std::string padded(std::string line) {
  line.append(LineReader::kPadding, '\0');
  return line;
}

std::vector<std::string> split(const std::string& line) {
  std::vector<PlainMember> members;
  PlainLineSplitter splitter;
  const auto text = padded(line);
  if (!splitter.split({text.data(), line.size()}, members)) return {"not plain"};
  std::vector<std::string> shown;
  for (const auto& [key, value] : members) shown.push_back(std::string(key) + "=" + std::string(value));
  return shown;
}

TEST(PlainLine, IsTakenApartAsItStands) {
  using ::testing::ElementsAre;
  EXPECT_THAT(split(R"({"module":"a.b","step":null,"sum":-1.5e-07,"shape":[1,2],"x":NaN,"y":-Infinity})"),
              ElementsAre("module=\"a.b\"", "step=null", "sum=-1.5e-07", "shape=[1,2]", "x=NaN", "y=-Infinity"));
  EXPECT_THAT(split(R"({ "module": "a", "shape": [] } )"), ElementsAre("module=\"a\"", "shape=[]"));
}

TEST(PlainLine, LeavesTheRestToAParser) {
  for (const std::string line : {R"({"a":"\n"})", R"({"a":"é"})", R"({"a":{}})", R"({"a":["b"]})", R"({"a":01})",
                                 R"({"a":1.})", R"({"a":.5})", R"({"a":1}})", R"({"a":1)", R"({"a":"b)", "", "[1]",
                                 R"({"a":1.5e})", R"({"a":1e+})", R"({"a":tru})", R"({"a":1,})", R"({"a" 1})"}) {
    EXPECT_THAT(split(line), ::testing::ElementsAre("not plain")) << line;
  }
}

struct Parsed {
  bool is_record = false;
  std::string line, problem;
};

Parsed parsed(RecordParser& parser, const std::string& line) {
  Record record;
  Parsed result;
  const auto text = padded(line);
  result.is_record = parser.parse({text.data(), line.size()}, record, result.problem);
  std::erase_if(record.stats, [](const auto& stat) { return stat.first == "escaped"; });
  if (result.is_record) result.line = line_of(record);
  return result;
}

// The same line with a member that no plain line has.
std::string escaped(const std::string& line) { return R"({"escaped":"\u0061",)" + line.substr(1); }

std::string any_line() {
  Sketch sketch;
  sketch.buckets = 64;
  static const std::vector<std::string> kLines = {
      R"({"module":"blocks.0.attn1","tensor":"out","step":3,"abs_mean":0.5172,"sum":-12.25,"call":1,"seq":4711,"run":"9f3c"})",
      R"({"module": "m", "tensor": "in[0]", "step": null, "sum": NaN, "max": Infinity, "shape": [4, 77], "zeros": 0})",
      R"({"module":"m","tensor":"out","sum":1e-07,"min":-1234567890.123456789,"rank":-1,"nan":2,"sketch":")" +
          encode_sketch(sketch) + "\"}"};
  auto line = *rc::gen::elementOf(kLines);
  const std::string interesting = "0123456789.eE+-,:[]{}\"\\ NnItfx\x01\x7F\xC3";
  const auto changes = *rc::gen::inRange(0, 4);
  for (int i = 0; i < changes; ++i) {
    line[*rc::gen::inRange<std::size_t>(1, line.size())] = *rc::gen::elementOf(interesting);
  }
  return line;
}

RC_GTEST_PROP(PlainLine, IsReadAsTheParserReadsIt, ()) {
  RecordParser parser;
  (void)parsed(parser, any_line());  // whatever it expects of the next
  const auto line = any_line();
  const auto plain = parsed(parser, line), other = parsed(parser, escaped(line));
  RC_ASSERT(plain.is_record == other.is_record);
  RC_ASSERT(plain.line == other.line);
}

RC_GTEST_PROP(PlainLine, HasAHeadIfItIsARecord, ()) {
  RecordParser parser;
  const auto line = any_line();
  const auto text = padded(line);
  Record record;
  RecordHead head;
  std::string problem, problem_of_head;
  const bool is_record = parser.parse({text.data(), line.size()}, record, problem);
  RC_ASSERT(parser.parse({text.data(), line.size()}, head, problem_of_head) == is_record);
  RC_ASSERT(problem == problem_of_head);
  if (!is_record) return;
  RC_ASSERT(head.module == record.module && head.tensor == record.tensor && head.run == record.run);
  RC_ASSERT(head.step == record.step && head.call == record.call && head.seq == record.seq && head.rank == record.rank);
}

RC_GTEST_PROP(Base64, IsWhatDecodes, ()) {
  Sketch sketch;
  sketch.buckets = *rc::gen::element(64, 128, 256);
  for (auto& value : sketch.values) value = *rc::gen::element(0.5F, -1e30F, 3.25F);
  auto text = encode_sketch(sketch).substr(sketch.buckets == 64 ? 5 : 6);
  std::array<std::uint8_t, 1024> bytes;
  const auto count = 4 * static_cast<std::size_t>(sketch.buckets);
  RC_ASSERT(is_base64(text, count));
  if (*rc::gen::arbitrary<bool>()) text[*rc::gen::inRange<std::size_t>(0, text.size())] = *rc::gen::arbitrary<char>();
  RC_ASSERT(is_base64(text, count) == decode_base64(text, {bytes.data(), count}));
}

}  // namespace
}  // namespace fvhooks::internal
