#include "diff/alignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "diff/testing/traced_run.h"

namespace fvhooks::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using testing::trace_of;

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
    records_.push_back(std::move(record));
    return *this;
  }
  SharedTrace trace() const { return trace_of(records_); }

  std::string root, run = "1";
  std::optional<std::int64_t> rank, step;

 private:
  std::vector<Record> records_;
};

// "a" in both, "-a" missing, "+a" extra, "~a" reordered
std::vector<std::string> shown(const SharedTrace& reference, const SharedTrace& port) {
  std::vector<std::string> names;
  for (const auto& row : align(*reference, *port).rows) {
    if (row.port == Row::kNone) {
      names.push_back("-" + reference->name(row.reference).module);
    } else if (row.reference == Row::kNone) {
      names.push_back("+" + port->name(row.port).module);
    } else {
      names.push_back((row.is_reordered ? "~" : "") + reference->name(row.reference).module);
    }
  }
  return names;
}

std::vector<std::string> notes(const SharedTrace& reference, const SharedTrace& port) {
  return align(*reference, *port).notes;
}

std::vector<std::string> modules_of(const SharedTrace& trace) {
  std::vector<std::string> modules;
  for (std::uint32_t i = 0; i < trace->size(); ++i) modules.push_back(trace->name(i).module);
  return modules;
}

TEST(Alignment, KeepsTheReferencesOrderAndPutsExtrasLast) {
  const auto reference = TraceOf().add("a").add("b").add("c").trace(),
             port = TraceOf().add("x").add("a").add("c").trace();
  EXPECT_THAT(shown(reference, port), ElementsAre("a", "-b", "c", "+x"));
}

TEST(Alignment, MarksAsReorderedTheFewestRecordsThatExplainTheOrder) {
  const auto reference = TraceOf().add("a").add("b").add("c").add("d").trace(),
             port = TraceOf().add("d").add("a").add("b").add("c").trace();
  EXPECT_THAT(shown(reference, port), ElementsAre("a", "b", "c", "~d"));
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
  EXPECT_THAT(shown(first, second), ElementsAre("-a", "-b", "+a", "+b"));
}

TEST(Alignment, LeavesOutInputsThatOnlyOneSideTraced) {
  const auto reference = TraceOf().add("a", "in[0]").add("a").trace(), port = TraceOf().add("a").trace();
  EXPECT_THAT(shown(reference, port), ElementsAre("a"));
  EXPECT_THAT(notes(reference, port), ElementsAre(HasSubstr("FASTVIDEO_TRACE_INPUTS=1")));
}

TEST(Alignment, AnInputThatIsMissingWhereOthersWereTracedIsMissing) {
  const auto reference = TraceOf().add("a", "in[0]").add("a", "in[1]").trace(),
             port = TraceOf().add("a", "in[0]").trace();
  EXPECT_THAT(shown(reference, port), ElementsAre("a", "-a"));
}

TEST(Alignment, LeavesOutTheRootThatOnlyOneSideTraced) {
  const auto reference = TraceOf().add("a").trace(), port = TraceOf().add("a").add("").trace();
  EXPECT_THAT(shown(reference, port), ElementsAre("a"));
}

TEST(Alignment, OneRootOnEachSideIsOneModelUnderTwoNames) {
  TraceOf reference, port;
  reference.root = "transformer";
  const auto first = reference.add("a").trace(), second = port.add("a").trace();
  EXPECT_THAT(shown(first, second), ElementsAre("a"));
  EXPECT_THAT(notes(first, second), ElementsAre(HasSubstr("transformer")));
}

TEST(Alignment, SeveralRootsAreToldApartByName) {
  TraceOf reference, port;
  reference.root = port.root = "transformer";
  reference.add("a");
  port.add("a");
  reference.root = "vae";
  const auto first = reference.add("a").trace(), second = port.trace();
  EXPECT_THAT(shown(first, second), ElementsAre("a", "-a"));
}

TEST(Alignment, ASideWithoutRanksIsComparedWithTheFirstRank) {
  TraceOf reference, port;
  for (const auto rank : {0, 1}) {
    reference.rank = rank;
    reference.run = std::to_string(rank);
    reference.add("a");
  }
  const auto first = reference.trace(), second = port.add("a").trace();
  EXPECT_THAT(shown(first, second), ElementsAre("a"));
}

TEST(Alignment, PairsRepeatedKeysInTheOrderInWhichTheyCome) {
  const auto reference = TraceOf().add("a").add("a").trace(), port = TraceOf().add("a").add("a").add("a").trace();
  EXPECT_THAT(shown(reference, port), ElementsAre("a", "a", "+a"));
  EXPECT_EQ(align(*reference, *port).rows[1].port, 1U);
  EXPECT_THAT(notes(reference, port), ElementsAre(HasSubstr("2 records repeat the key")));
}

TEST(Trace, IsSortedByRankAndSeqWhateverTheOrderOfTheFile) {
  std::vector<Record> records(3);
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].module = std::string(1, static_cast<char>('a' + i));
    records[i].seq = 2 - i;
  }
  EXPECT_THAT(modules_of(trace_of(records)), ElementsAre("c", "b", "a"));
}

TEST(Trace, NumbersTheCallsOfRecordsThatHaveNone) {
  std::vector<Record> records(3);
  records[2].step = 1;
  const auto trace = trace_of(records);
  EXPECT_EQ(trace->call(0), 0U);
  EXPECT_EQ(trace->call(1), 1U);
  EXPECT_EQ(trace->call(2), 0U);
  EXPECT_THAT(trace->notes, ElementsAre(HasSubstr("3 records without call numbers")));
}

TEST(Trace, KeepsCallNumbersOf64Bits) {
  std::vector<Record> records(2);
  records[0].call = std::numeric_limits<std::uint64_t>::max();
  records[1].call = std::uint64_t{1} << 31;
  const auto trace = trace_of(records);
  EXPECT_EQ(trace->call(0), *records[0].call);
  EXPECT_EQ(trace->call(1), *records[1].call);
}

TEST(Trace, OfSeveralRunsIsTheLast) {
  TraceOf file;
  file.add("a");
  file.run = "2";
  const auto trace = file.add("b").trace();
  EXPECT_THAT(modules_of(trace), ElementsAre("b"));
  EXPECT_THAT(trace->notes, ElementsAre(HasSubstr("run 2, the last, was compared, and 1 record")));
}

TEST(Trace, OfSeveralRanksKeepsARunOfEach) {
  TraceOf file;
  for (const auto rank : {1, 0}) {
    file.rank = rank;
    file.run = std::to_string(rank);
    file.add("a");
  }
  const auto trace = file.trace();
  ASSERT_EQ(trace->size(), 2U);
  EXPECT_EQ(trace->moment(0).rank, 0);
}

TEST(Trace, TellsInputsFromOutputsByTheirLabel) {
  for (const auto* label : {"in", "in[0]", "in[1].key", "in.name"}) EXPECT_TRUE(is_input(label)) << label;
  for (const auto* label : {"out", "out[0]", "inner", "", "i"}) EXPECT_FALSE(is_input(label)) << label;
}

}  // namespace
}  // namespace fvhooks::internal
