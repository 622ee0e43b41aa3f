#include "diff/alignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace fvhooks::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TraceOf {
 public:
  TraceOf& add(const std::string& module, const std::string& tensor = "out", std::uint64_t call = 0) {
    Record record;
    record.module = module;
    record.tensor = tensor;
    record.call = call;
    record.seq = records_.size();
    record.root = root;
    record.rank = rank;
    record.run = run;
    record.step = step;
    records_.push_back({std::move(record), records_.size() + 1});
    return *this;
  }
  Trace trace() const { return in_execution_order(records_); }

  std::string root, run = "1";
  std::optional<std::int64_t> rank, step;

 private:
  std::vector<TracedRecord> records_;
};

// "a" in both, "-a" missing, "+a" extra, "~a" reordered
std::vector<std::string> shown(const Alignment& alignment) {
  std::vector<std::string> names;
  for (const auto& [reference, port, reordered] : alignment.pairs) {
    if (!port) {
      names.push_back("-" + reference->record.module);
    } else if (!reference) {
      names.push_back("+" + port->record.module);
    } else {
      names.push_back((reordered ? "~" : "") + reference->record.module);
    }
  }
  return names;
}

TEST(Alignment, KeepsTheReferencesOrderAndPutsExtrasLast) {
  const auto reference = TraceOf().add("a").add("b").add("c").trace(),
             port = TraceOf().add("x").add("a").add("c").trace();
  EXPECT_THAT(shown(align(reference, port)), ElementsAre("a", "-b", "c", "+x"));
}

TEST(Alignment, MarksAsReorderedTheFewestRecordsThatExplainTheOrder) {
  const auto reference = TraceOf().add("a").add("b").add("c").add("d").trace(),
             port = TraceOf().add("d").add("a").add("b").add("c").trace();
  EXPECT_THAT(shown(align(reference, port)), ElementsAre("a", "b", "c", "~d"));
}

TEST(Alignment, TellsStepsAndCallsApart) {
  auto reference = TraceOf(), port = TraceOf();
  reference.step = 3;
  port.step = 4;
  reference.add("a").add("b", "out", 1);
  port.add("a");
  port.step = 3;
  port.add("b", "out", 0);
  const auto first = reference.trace(), second = port.trace();
  EXPECT_THAT(shown(align(first, second)), ElementsAre("-a", "-b", "+a", "+b"));
}

TEST(Alignment, LeavesOutInputsThatOnlyOneSideTraced) {
  const auto reference = TraceOf().add("a", "in[0]").add("a").trace(), port = TraceOf().add("a").trace();
  const auto alignment = align(reference, port);
  EXPECT_THAT(shown(alignment), ElementsAre("a"));
  EXPECT_THAT(alignment.notes, ElementsAre(HasSubstr("FASTVIDEO_TRACE_INPUTS=1")));
}

TEST(Alignment, AnInputThatIsMissingWhereOthersWereTracedIsMissing) {
  const auto reference = TraceOf().add("a", "in[0]").add("a", "in[1]").trace(),
             port = TraceOf().add("a", "in[0]").trace();
  EXPECT_THAT(shown(align(reference, port)), ElementsAre("a", "-a"));
}

TEST(Alignment, LeavesOutTheRootThatOnlyOneSideTraced) {
  const auto reference = TraceOf().add("a").trace(), port = TraceOf().add("a").add("").trace();
  EXPECT_THAT(shown(align(reference, port)), ElementsAre("a"));
}

TEST(Alignment, OneRootOnEachSideIsOneModelUnderTwoNames) {
  TraceOf reference, port;
  reference.root = "transformer";
  const auto first = reference.add("a").trace(), second = port.add("a").trace();
  const auto alignment = align(first, second);
  EXPECT_THAT(shown(alignment), ElementsAre("a"));
  EXPECT_THAT(alignment.notes, ElementsAre(HasSubstr("transformer")));
}

TEST(Alignment, SeveralRootsAreToldApartByName) {
  TraceOf reference, port;
  reference.root = port.root = "transformer";
  reference.add("a");
  port.add("a");
  reference.root = "vae";
  const auto first = reference.add("a").trace(), second = port.trace();
  EXPECT_THAT(shown(align(first, second)), ElementsAre("a", "-a"));
}

TEST(Alignment, ASideWithoutRanksIsComparedWithTheFirstRank) {
  TraceOf reference, port;
  for (const auto rank : {0, 1}) {
    reference.rank = rank;
    reference.run = std::to_string(rank);
    reference.add("a");
  }
  const auto first = reference.trace(), second = port.add("a").trace();
  EXPECT_THAT(shown(align(first, second)), ElementsAre("a"));
}

TEST(Alignment, PairsRepeatedKeysInTheOrderInWhichTheyCome) {
  const auto reference = TraceOf().add("a").add("a").trace(), port = TraceOf().add("a").add("a").add("a").trace();
  const auto alignment = align(reference, port);
  EXPECT_THAT(shown(alignment), ElementsAre("a", "a", "+a"));
  EXPECT_EQ(alignment.pairs[1].port->line, 2U);
}

TEST(Alignment, OfNothingIsNothing) { EXPECT_THAT(align(Trace{}, Trace{}).pairs, IsEmpty()); }

TEST(Trace, IsSortedByRankAndSeqWhateverTheOrderOfTheFile) {
  std::vector<TracedRecord> records(3);
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].record.module = std::string(1, static_cast<char>('a' + i));
    records[i].record.seq = 2 - i;
  }
  const auto trace = in_execution_order(records);
  EXPECT_EQ(trace.records[0].record.module, "c");
  EXPECT_EQ(trace.records[2].record.module, "a");
}

TEST(Trace, NumbersTheCallsOfRecordsThatHaveNone) {
  std::vector<TracedRecord> records(3);
  records[2].record.step = 1;
  const auto trace = in_execution_order(records);
  EXPECT_EQ(trace.records[0].record.call, 0U);
  EXPECT_EQ(trace.records[1].record.call, 1U);
  EXPECT_EQ(trace.records[2].record.call, 0U);
  EXPECT_THAT(trace.notes, ElementsAre(HasSubstr("3 records without call numbers")));
}

TEST(Trace, OfSeveralRunsIsTheLast) {
  TraceOf file;
  file.add("a");
  file.run = "2";
  const auto trace = file.add("b").trace();
  ASSERT_EQ(trace.records.size(), 1U);
  EXPECT_EQ(trace.records[0].record.module, "b");
  EXPECT_THAT(trace.notes, ElementsAre(HasSubstr("run 2, the last, was compared, and 1 record")));
}

TEST(Trace, OfSeveralRanksKeepsARunOfEach) {
  TraceOf file;
  for (const auto rank : {1, 0}) {
    file.rank = rank;
    file.run = std::to_string(rank);
    file.add("a");
  }
  const auto trace = file.trace();
  ASSERT_EQ(trace.records.size(), 2U);
  EXPECT_EQ(trace.records[0].record.rank, 0);
}

TEST(Trace, TellsInputsFromOutputsByTheirLabel) {
  for (const auto* label : {"in", "in[0]", "in[1].key", "in.name"}) EXPECT_TRUE(is_input(label)) << label;
  for (const auto* label : {"out", "out[0]", "inner", "", "i"}) EXPECT_FALSE(is_input(label)) << label;
}

}  // namespace
}  // namespace fvhooks::internal
