#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <tuple>

#include "core/testing/temporary_folder.h"
#include "diff/alignment.h"
#include "diff/testing/traced_run.h"
#include "fvhooks/diff.h"

namespace fvhooks::internal {
namespace {

using fvhooks::testing::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::lines_of;
using testing::trace_of;

Record record_of(const std::string& module, std::uint64_t seq, double value = 0.5) {
  Record record;
  record.module = module;
  record.tensor = "out";
  record.seq = seq;
  record.call = 0;
  record.run = "1";
  record.stats = {{"abs_mean", value}};
  return record;
}

std::string compressed(const std::string& text) {
  std::string frame(ZSTD_compressBound(text.size()), '\0');
  frame.resize(ZSTD_compress(frame.data(), frame.size(), text.data(), text.size(), 3));
  return frame;
}

class Files : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  TemporaryFolder folder_;
};

TEST_F(Files, OfZstdAreReadAndReadAgainFrameByFrame) {
  const auto first = lines_of({record_of("a", 0, 1.5)}), second = lines_of({record_of("b", 1, 2.5)});
  const auto trace = Trace::read(file("t.jsonl.zst", compressed(first) + compressed(second)), {});
  ASSERT_TRUE(trace) << trace.error().message;
  ASSERT_EQ(trace->size(), 2U);
  Record record;
  trace->read_record(1, record);
  EXPECT_EQ(record.number("abs_mean"), 2.5);
  trace->read_record(0, record);
  EXPECT_EQ(record.number("abs_mean"), 1.5);
}

TEST_F(Files, OfZstdThatEndEarlyAreReadAsFarAsTheyGoAndNamed) {
  std::vector<Record> records;
  for (std::uint64_t i = 0; i < 20000; ++i) records.push_back(record_of("m" + std::to_string(i * 7919 % 1000), i));
  auto bytes = compressed(lines_of(records));
  bytes.resize(bytes.size() / 2);
  const auto trace = Trace::read(file("t.jsonl.zst", bytes), {});
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_GT(trace->size(), 100U);
  EXPECT_LT(trace->size(), 20000U);
  ASSERT_FALSE(trace->summary.problems.empty());
  EXPECT_THAT(trace->summary.problems.back().message, HasSubstr("ends early"));
  EXPECT_THAT(trace->summary.problems.back().file, HasSubstr("t.jsonl.zst"));
}

TEST_F(Files, OfSeveralRanksAreOneSide) {
  for (const auto* rank : {"0", "1", "10"}) file("r" + std::string(rank) + ".jsonl", lines_of({record_of("a", 0)}));
  for (const auto& path : {folder_ / "r<rank>.jsonl", folder_ / "r*.jsonl", std::string(folder_.path())}) {
    const auto trace = Trace::read(path, {});
    ASSERT_TRUE(trace) << trace.error().message;
    const std::size_t expected = path.find("<rank>") == std::string::npos ? 3 : 2;
    ASSERT_EQ(trace->size(), expected) << path;
    EXPECT_EQ(trace->moment(0).rank, 0);
    EXPECT_EQ(trace->moment(1).rank, 1);
    EXPECT_THAT(trace->notes, ElementsAre(HasSubstr("each file was taken for a rank")));
  }
  EXPECT_FALSE(Trace::read(folder_ / "none*.jsonl", {}));
  EXPECT_FALSE(Trace::read(folder_ / "none<rank>.jsonl", {}));
}

TEST_F(Files, KeepTheRanksThatTheirRecordsSay) {
  auto record = record_of("a", 0);
  record.rank = 7;
  file("a.jsonl", lines_of({record}));
  record.rank = 3;
  file("b.jsonl", lines_of({record}));
  const auto trace = Trace::read(folder_.path(), {});
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->moment(0).rank, 3);
  EXPECT_EQ(trace->moment(1).rank, 7);
}

TEST_F(Files, ChangedMeanwhileAreNotBelieved) {
  std::vector<Record> records;
  for (std::uint64_t i = 0; i < 20000; ++i) records.push_back(record_of("m", i));
  const auto path = file("t.jsonl", lines_of(records));
  const auto trace = Trace::read(path, {});
  ASSERT_TRUE(trace);
  std::ofstream(path) << "rubbish";
  Record record;
  trace->read_record(0, record);
  EXPECT_TRUE(record.stats.empty());
}

// What pairs are, said as simply as can be: of each key, the k-th of one side with the k-th of the other.
std::vector<std::pair<std::uint32_t, std::uint32_t>> obvious_pairs(const Trace& reference, const Trace& port) {
  using Key = std::tuple<std::string, std::string, std::optional<std::int64_t>, std::uint64_t>;
  const auto key = [](const Trace& trace, std::uint32_t i) {
    const auto of = trace.key(i);
    return Key(of.module, of.tensor, of.step, of.call);
  };
  std::map<Key, std::vector<std::uint32_t>> waiting;
  for (std::uint32_t i = 0; i < port.size(); ++i) waiting[key(port, i)].push_back(i);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  for (std::uint32_t i = 0; i < reference.size(); ++i) {
    auto& candidates = waiting[key(reference, i)];
    pairs.emplace_back(i, candidates.empty() ? Row::kNone : candidates.front());
    if (!candidates.empty()) candidates.erase(candidates.begin());
  }
  for (std::uint32_t i = 0; i < port.size(); ++i) {
    const auto& left = waiting[key(port, i)];
    if (std::ranges::find(left, i) != left.end()) pairs.emplace_back(Row::kNone, i);
  }
  return pairs;
}

SharedTrace any_trace() {
  const auto count = *rc::gen::inRange<std::size_t>(1, 40);
  std::vector<Record> records;
  for (std::size_t i = 0; i < count; ++i) {
    auto record = record_of(std::string(1, *rc::gen::inRange('a', 'e')), *rc::gen::inRange<std::uint64_t>(0, 60));
    if (*rc::gen::arbitrary<bool>()) record.step = *rc::gen::inRange<std::int64_t>(0, 3);
    record.call = *rc::gen::inRange<std::uint64_t>(0, 2);
    records.push_back(std::move(record));
  }
  return trace_of(records);
}

RC_GTEST_PROP(Alignment, PairsAsTheObviousWayDoes, ()) {
  const auto reference = any_trace(), port = any_trace();
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  for (const auto& row : align(*reference, *port).rows) pairs.emplace_back(row.reference, row.port);
  RC_ASSERT(pairs == obvious_pairs(*reference, *port));
}

// Without the reordered ones the port's places rise, and no pair was marked without need.
RC_GTEST_PROP(Alignment, MarksAsReorderedWhatLeavesTheRestInOrder, ()) {
  const auto reference = any_trace(), port = any_trace();
  std::vector<std::uint32_t> places, kept;
  for (const auto& row : align(*reference, *port).rows) {
    if (!row.is_pair()) continue;
    places.push_back(row.port);
    if (!row.is_reordered) kept.push_back(row.port);
  }
  std::vector<std::size_t> longest(places.size(), 1);
  for (std::size_t i = 0; i < places.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (places[k] < places[i]) longest[i] = std::max(longest[i], longest[k] + 1);
    }
  }
  RC_ASSERT(std::is_sorted(kept.begin(), kept.end()));
  RC_ASSERT(kept.size() == (longest.empty() ? 0 : *std::ranges::max_element(longest)));
}

}  // namespace
}  // namespace fvhooks::internal
