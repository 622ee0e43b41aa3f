#include "diff/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>

#include "diff/testing/toy_transformer.h"

namespace fvhooks {
namespace {

using internal::in_execution_order;
using internal::judge;
using internal::TracedRecord;
using internal::testing::Bug;
using internal::testing::traced;
using ::testing::Contains;
using ::testing::HasSubstr;

TEST(Verdict, OfATraceAgainstItselfIsEqualThroughout) {
  const auto trace = traced(Bug::None).trace();
  const auto verdict = judge(trace, trace, {});
  EXPECT_TRUE(verdict.passed);
  EXPECT_EQ(verdict.count(Status::Equal), verdict.comparisons.size());
}

TEST(Verdict, OfNoPairAtAllIsNoPass) {
  std::vector<TracedRecord> a(1), b(1);
  a[0].record.module = "a";
  b[0].record.module = "b";
  const auto verdict = judge(in_execution_order(a), in_execution_order(b), {});
  EXPECT_FALSE(verdict.passed);
  EXPECT_THAT(verdict.notes, Contains(HasSubstr("nothing was compared")));
}

TEST(Verdict, OfIncomparablePairsIsNoPass) {
  std::vector<TracedRecord> records(1);
  records[0].record.module = "a";
  const auto trace = in_execution_order(records);
  const auto verdict = judge(trace, trace, {});
  EXPECT_EQ(verdict.count(Status::Incomparable), 1U);
  EXPECT_FALSE(verdict.passed);
}

TEST(Verdict, SaysThatStatisticsCannotSeePermutations) {
  auto records = traced(Bug::None).in_file_order();
  for (auto& traced_record : records) traced_record.record.sketch.buckets = 0;
  const auto trace = in_execution_order(records);
  EXPECT_THAT(judge(trace, trace, {}).notes, Contains(HasSubstr("cannot see values in another order")));
}

TEST(Verdict, SaysThatADtypeWasAssumed) {
  auto records = traced(Bug::None).in_file_order();
  for (auto& traced_record : records) {
    std::erase_if(traced_record.record.stats, [](const auto& stat) { return stat.first == "dtype"; });
  }
  const auto trace = in_execution_order(records);
  EXPECT_THAT(judge(trace, trace, {}).notes, Contains(HasSubstr("torch.float32 was assumed")));
}

TEST(Verdict, SaysThatNonFiniteElementsWereNotCompared) {
  const auto trace = traced(Bug::NotANumber).trace();
  const auto verdict = judge(trace, trace, {});
  EXPECT_TRUE(verdict.passed);
  EXPECT_THAT(verdict.notes, Contains(HasSubstr("NaN or infinite elements on both sides")));
}

TEST(Verdict, WithALooseToleranceForgivesASmallBug) {
  DiffOptions loose;
  loose.rtol = 10;
  EXPECT_TRUE(judge(traced(Bug::None).trace(), traced(Bug::LeafBias).trace(), loose).passed);
}

std::vector<Status> statuses(const Verdict& verdict) {
  std::vector<Status> all;
  for (const auto& comparison : verdict.comparisons) all.push_back(comparison.status);
  return all;
}

RC_GTEST_PROP(Verdict, DoesNotDependOnTheOrderOfLinesInAFile, ()) {
  static const auto reference = traced(Bug::None).in_file_order();
  static const auto port = traced(Bug::RopeHalf, 1e-7F).in_file_order();
  const auto shuffled = [](std::vector<TracedRecord> records) {
    const auto order =
        *rc::gen::container<std::vector<std::uint32_t>>(records.size(), rc::gen::arbitrary<std::uint32_t>());
    std::vector<std::size_t> index(records.size());
    std::iota(index.begin(), index.end(), std::size_t{0});
    std::sort(index.begin(), index.end(),
              [&](auto a, auto b) { return std::tie(order[a], a) < std::tie(order[b], b); });
    std::vector<TracedRecord> result;
    for (const auto i : index) result.push_back(records[i]);
    return result;
  };
  const auto usual = judge(in_execution_order(reference), in_execution_order(port), {});
  const auto other = judge(in_execution_order(shuffled(reference)), in_execution_order(shuffled(port)), {});
  RC_ASSERT(statuses(usual) == statuses(other));
  RC_ASSERT(other.introducer->module == "blocks.0.attn1");
}

// Whatever records are lost, repeated or renumbered, a verdict holds together.
RC_GTEST_PROP(Verdict, HoldsTogetherOnDamagedStreams, ()) {
  static const auto whole = traced(Bug::StaleStep, 1e-7F).in_file_order();
  const auto damaged = [] {
    std::vector<TracedRecord> records;
    for (const auto i : *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, whole.size()))) {
      records.push_back(whole[i]);
      auto& record = records.back().record;
      if (*rc::gen::weightedElement<bool>({{9, false}, {1, true}})) record.call.reset();
      if (*rc::gen::weightedElement<bool>({{9, false}, {1, true}})) record.seq.reset();
      if (*rc::gen::weightedElement<bool>({{9, false}, {1, true}})) record.rank = *rc::gen::inRange(0, 2);
      if (*rc::gen::weightedElement<bool>({{9, false}, {1, true}})) record.sketch.buckets = 0;
      if (*rc::gen::weightedElement<bool>({{9, false}, {1, true}})) record.run = "other";
    }
    return in_execution_order(std::move(records));
  };
  const auto reference = damaged(), port = damaged();
  const auto verdict = judge(reference, port, {});
  const auto total = std::accumulate(verdict.counts.begin(), verdict.counts.end(), std::size_t{0});
  RC_ASSERT(total == verdict.comparisons.size());
  RC_ASSERT(verdict.comparisons.size() <= reference.records.size() + port.records.size());
  const bool has_failure = std::any_of(verdict.comparisons.begin(), verdict.comparisons.end(),
                                       [](const auto& comparison) { return is_failure(comparison.status); });
  RC_ASSERT(verdict.passed == (!has_failure && total != 0));
  RC_ASSERT(verdict.first_diverged.has_value() == has_failure);
  const bool has_wrong = std::any_of(verdict.comparisons.begin(), verdict.comparisons.end(),
                                     [](const auto& comparison) { return is_wrong(comparison.status); });
  RC_ASSERT(verdict.introducer.has_value() == has_wrong);
}

class DiffTraces : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    const auto path =
        ::testing::TempDir() + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name() + "." + name;
    std::ofstream(path) << text;
    return path;
  }
  static std::string lines(const std::vector<TracedRecord>& records) {
    std::string text;
    for (const auto& traced_record : records) append_json(text, traced_record.record);
    return text;
  }
};

TEST_F(DiffTraces, ReadsWhatTheSinkWrites) {
  const auto reference = file("a", lines(traced(Bug::None).in_file_order()));
  const auto port = file("b", lines(traced(Bug::RopeHalf, 1e-7F).in_file_order()));
  const auto verdict = diff_traces(reference, port);
  ASSERT_TRUE(verdict) << verdict.error().message;
  EXPECT_EQ(verdict->introducer->module, "blocks.0.attn1");
  EXPECT_EQ(verdict->reference, reference);
}

TEST_F(DiffTraces, ReadsFastVideosOwnFiles) {
  const auto text = R"({"module": "a", "tensor": "out", "step": 0, "abs_mean": 0.5, "sum": 1.0}
{"module": "a", "tensor": "out", "step": 0, "abs_mean": NaN, "sum": NaN}
)";
  const auto same = diff_traces(file("a", text), file("b", text));
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_TRUE(same->passed);
  EXPECT_EQ(same->comparisons[1].key.call, 1U);

  const auto finite = file("c", R"({"module": "a", "tensor": "out", "step": 0, "abs_mean": 0.5000001, "sum": 7.0}
{"module": "a", "tensor": "out", "step": 0, "abs_mean": 0.6, "sum": 1.0}
)");
  const auto other = diff_traces(file("a", text), finite);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->comparisons[0].status, Status::Within);
  EXPECT_EQ(other->comparisons[1].status, Status::NonFinite);
}

TEST_F(DiffTraces, NamesLinesThatItCouldNotRead) {
  const auto whole = lines(traced(Bug::None).in_file_order());
  const auto verdict = diff_traces(file("a", whole), file("b", "rubbish\n" + whole));
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->passed);
  EXPECT_EQ(verdict->port_problem_count, 1U);
  EXPECT_EQ(verdict->port_problems.at(0).line, 1U);
}

TEST_F(DiffTraces, OfAFileWithoutRecordsIsAnErrorThatNamesTheFile) {
  const auto empty = file("empty", ""), rubbish = file("rubbish", "not a trace\n");
  const auto good = file("good", lines(traced(Bug::None).in_file_order()));
  EXPECT_THAT(diff_traces(empty, good).error().message, HasSubstr(empty));
  EXPECT_THAT(diff_traces(good, rubbish).error().message, HasSubstr("line 1"));
  EXPECT_FALSE(diff_traces(good, "/nonexistent/trace.jsonl"));
  EXPECT_FALSE(diff_traces("-", "-"));
}

TEST_F(DiffTraces, ReportsProgressThatOnlyGrows) {
  auto records = traced(Bug::None).in_file_order();
  while (records.size() < 3000) records.insert(records.end(), records.begin(), records.begin() + 50);
  const auto path = file("a", lines(records));
  std::vector<double> fractions;
  DiffOptions options;
  options.progress = [&](double fraction) { fractions.push_back(fraction); };
  ASSERT_TRUE(diff_traces(path, path, options));
  EXPECT_GE(fractions.size(), 4U);
  EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
  EXPECT_LE(fractions.back(), 1.0);
}

}  // namespace
}  // namespace fvhooks
