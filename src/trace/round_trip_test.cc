// Whatever a record holds, the reader gives it back: doubles to the bit, integers exactly, text as it was.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>

#include "core/json_string.h"
#include "trace/test_support.h"

namespace fvhooks {
namespace {

// All bit patterns, so that subnormals, NaN and both zeros are among them.
rc::Gen<double> any_double() {
  return rc::gen::map(
      rc::gen::oneOf(rc::gen::resize(100, rc::gen::arbitrary<std::uint64_t>()),
                     rc::gen::inRange<std::uint64_t>(0, ~std::uint64_t{0}),
                     rc::gen::element(std::bit_cast<std::uint64_t>(-0.0), std::bit_cast<std::uint64_t>(2.0),
                                      std::bit_cast<std::uint64_t>(1e300), 0x7FF0000000000000ULL, 0xFFF0000000000000ULL,
                                      0x7FF8000000000000ULL)),
      [](std::uint64_t bits) { return std::bit_cast<double>(bits); });
}

rc::Gen<std::string> any_text() {
  return rc::gen::container<std::string>(
      rc::gen::oneOf(rc::gen::inRange('\x01', '\x7F'), rc::gen::element('"', '\\', '\n', '\0')));
}

rc::Gen<Value> any_value() {
  return rc::gen::oneOf(
      rc::gen::map(any_double(), [](double value) { return Value(value); }),
      rc::gen::map(
          rc::gen::pair(rc::gen::arbitrary<std::int64_t>(), rc::gen::arbitrary<std::uint64_t>()),
          [](auto halves) { return Value(static_cast<Int128>(halves.first) * (Int128{1} << 64) + halves.second); }),
      rc::gen::map(any_text(), [](std::string text) { return Value("<error: " + text + ">"); }),
      rc::gen::map(rc::gen::arbitrary<std::vector<std::int64_t>>(), [](auto sizes) { return Value(sizes); }),
      rc::gen::element(Value(nullptr), Value(RawJson{"{\"a\":[1,2.5,{\"b\":null}]}"}), Value(RawJson{"true"})));
}

bool same(const Value& a, const Value& b) {
  const auto *real = std::get_if<double>(&a), *other = std::get_if<double>(&b);
  if (!real || !other) return a == b;
  if (std::isnan(*real)) return std::isnan(*other);
  return std::bit_cast<std::uint64_t>(*real) == std::bit_cast<std::uint64_t>(*other);
}

rc::Gen<Record> any_record() {
  return rc::gen::exec([] {
    Record record;
    record.module = *any_text();
    record.tensor = *any_text();
    if (*rc::gen::arbitrary<bool>()) record.step = *rc::gen::arbitrary<std::int64_t>();
    const auto count = *rc::gen::inRange(0, 12);
    for (int i = 0; i < count; ++i) record.stats.emplace_back("s" + std::to_string(i) + *any_text(), *any_value());
    if (*rc::gen::arbitrary<bool>()) record.call = *rc::gen::arbitrary<std::uint64_t>();
    if (*rc::gen::arbitrary<bool>()) record.seq = *rc::gen::arbitrary<std::uint64_t>();
    if (*rc::gen::arbitrary<bool>()) record.rank = *rc::gen::arbitrary<std::int64_t>();
    record.run = *any_text();
    record.root = *any_text();
    record.nan = *rc::gen::arbitrary<std::uint64_t>();
    record.inf = *rc::gen::arbitrary<std::uint64_t>();
    record.sketch.buckets = *rc::gen::element(0, 64, 128, 256);
    for (int i = 0; i < record.sketch.buckets; ++i)
      record.sketch.values[static_cast<std::size_t>(i)] = static_cast<float>(i) / 3;
    record.injection.what = *rc::gen::element(Injected::No, Injected::Compared, Injected::Replaced, Injected::Absent,
                                              Injected::Shape, Injected::Failed);
    if (*rc::gen::arbitrary<bool>()) record.injection.error = *any_double();
    return record;
  });
}

RC_GTEST_PROP(RoundTrip, EveryRecordReadsBackAsItWas, ()) {
  const auto records = *rc::gen::container<std::vector<Record>>(any_record());
  std::string text;
  for (const auto& record : records) append_json(text, record);
  const auto trace = testing::read_text(text);
  RC_ASSERT(trace.problems.empty());
  RC_ASSERT(trace.records.size() == records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto &before = records[i], &after = trace.records[i];
    RC_ASSERT(after.module == before.module);
    RC_ASSERT(after.tensor == before.tensor);
    RC_ASSERT(after.step == before.step);
    RC_ASSERT(after.stats.size() == before.stats.size());
    for (std::size_t j = 0; j < before.stats.size(); ++j) {
      RC_ASSERT(after.stats[j].first == before.stats[j].first);
      RC_ASSERT(same(after.stats[j].second, before.stats[j].second));
    }
    RC_ASSERT(after.call == before.call);
    RC_ASSERT(after.seq == before.seq);
    RC_ASSERT(after.run == before.run);
    RC_ASSERT(after.root == before.root);
    RC_ASSERT(after.rank == before.rank);
    RC_ASSERT(after.nan == before.nan);
    RC_ASSERT(after.inf == before.inf);
    RC_ASSERT(after.sketch.buckets == before.sketch.buckets);
    RC_ASSERT(std::equal(before.sketch.values.begin(), before.sketch.values.begin() + before.sketch.buckets,
                         after.sketch.values.begin()));
    RC_ASSERT(after.injection.what == before.injection.what);
    RC_ASSERT(after.injection.error.has_value() == before.injection.error.has_value());
    RC_ASSERT(same(after.injection.error.value_or(0), before.injection.error.value_or(0)));
  }
}

RC_GTEST_PROP(RoundTrip, AnyBytesAreReadWithoutHarmToTheirNeighbours, (const std::string& bytes)) {
  const std::string good = "{\"module\":\"good\",\"tensor\":\"out\"}\n";
  const auto trace = testing::read_text(good + bytes + "\n" + good);
  RC_ASSERT(trace.records.size() >= 2U);
  RC_ASSERT(trace.records.front().module == "good");
  RC_ASSERT(trace.records.back().module == "good");
}

// The text of a name that is not UTF-8 changes, but once only.
RC_GTEST_PROP(RoundTrip, NamesOfAnyBytesMakeReadableLines, (const std::string& bytes)) {
  Record record;
  record.module = bytes;
  const auto once = testing::read_text(testing::line_of(record));
  RC_ASSERT(once.records.size() == 1U);
  const auto twice = testing::read_text(testing::line_of(once.records[0]));
  RC_ASSERT(twice.records[0].module == once.records[0].module);
}

}  // namespace
}  // namespace fvhooks
