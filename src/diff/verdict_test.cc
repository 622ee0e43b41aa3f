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

using internal::judge;
using internal::testing::Bug;
using internal::testing::lines_of;
using internal::testing::trace_of;
using internal::testing::traced;
using ::testing::Contains;
using ::testing::HasSubstr;

TEST(Verdict, OfATraceAgainstItselfIsEqualThroughout) {
  const auto trace = traced(Bug::None).trace();
  const auto verdict = judge(trace, trace, {});
  EXPECT_TRUE(verdict.passed);
  EXPECT_EQ(verdict.count(Status::Equal), verdict.size());
}

TEST(Verdict, OfNoPairAtAllIsNoPass) {
  std::vector<Record> a(1), b(1);
  a[0].module = "a";
  b[0].module = "b";
  const auto verdict = judge(trace_of(a), trace_of(b), {});
  EXPECT_FALSE(verdict.passed);
  EXPECT_THAT(verdict.notes, Contains(HasSubstr("nothing was compared")));
}

TEST(Verdict, OfIncomparablePairsIsNoPass) {
  std::vector<Record> records(1);
  records[0].module = "a";
  const auto trace = trace_of(records);
  const auto verdict = judge(trace, trace, {});
  EXPECT_EQ(verdict.count(Status::Incomparable), 1U);
  EXPECT_FALSE(verdict.passed);
}

TEST(Verdict, SaysThatStatisticsCannotSeePermutations) {
  auto records = traced(Bug::None).in_file_order();
  for (auto& record : records) record.sketch.buckets = 0;
  const auto trace = trace_of(records);
  EXPECT_THAT(judge(trace, trace, {}).notes, Contains(HasSubstr("cannot see values in another order")));
}

TEST(Verdict, SaysThatADtypeWasAssumed) {
  auto records = traced(Bug::None).in_file_order();
  for (auto& record : records) {
    std::erase_if(record.stats, [](const auto& stat) { return stat.first == "dtype"; });
  }
  const auto trace = trace_of(records);
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

TEST(Verdict, FailsOnTheStatusesThatWereAskedFor) {
  DiffOptions options;
  options.fail_on = {Status::Missing};
  EXPECT_TRUE(judge(traced(Bug::None).trace(), traced(Bug::LeafBias).trace(), options).passed);
  EXPECT_FALSE(judge(traced(Bug::None).trace(), traced(Bug::LeafMissing).trace(), options).passed);
  options.fail_on = {Status::Equal};
  EXPECT_FALSE(judge(traced(Bug::None).trace(), traced(Bug::None).trace(), options).passed);
}

TEST(Verdict, OfNothingComparedIsNoPassWhateverIsAskedFor) {
  std::vector<Record> a(1), b(1);
  a[0].module = "a";
  b[0].module = "b";
  DiffOptions options;
  options.fail_on = {Status::Diverged};
  EXPECT_FALSE(judge(trace_of(a), trace_of(b), options).passed);
  EXPECT_FALSE(judge(trace_of(a), trace_of(a), options).passed) << "incomparable";
}

std::vector<Status> statuses(const Verdict& verdict) {
  std::vector<Status> all;
  for (std::size_t i = 0; i < verdict.size(); ++i) all.push_back(verdict.row(i).status);
  return all;
}

RC_GTEST_PROP(Verdict, DoesNotDependOnTheOrderOfLinesInAFile, ()) {
  static const auto reference = traced(Bug::None).in_file_order();
  static const auto port = traced(Bug::RopeHalf, 1e-7F).in_file_order();
  const auto shuffled = [](std::vector<Record> records) {
    const auto order =
        *rc::gen::container<std::vector<std::uint32_t>>(records.size(), rc::gen::arbitrary<std::uint32_t>());
    std::vector<std::size_t> index(records.size());
    std::iota(index.begin(), index.end(), std::size_t{0});
    std::sort(index.begin(), index.end(),
              [&](auto a, auto b) { return std::tie(order[a], a) < std::tie(order[b], b); });
    std::vector<Record> result;
    for (const auto i : index) result.push_back(records[i]);
    return result;
  };
  const auto usual = judge(trace_of(reference), trace_of(port), {});
  const auto other = judge(trace_of(shuffled(reference)), trace_of(shuffled(port)), {});
  RC_ASSERT(statuses(usual) == statuses(other));
  RC_ASSERT(other.introducer->module == "blocks.0.attn1");
}

// Whatever records are lost, repeated or renumbered, a verdict holds together.
RC_GTEST_PROP(Verdict, HoldsTogetherOnDamagedStreams, ()) {
  static const auto whole = traced(Bug::StaleStep, 1e-7F).in_file_order();
  const auto damaged = [] {
    std::vector<Record> records;
    const auto kept = *rc::gen::nonEmpty(
        rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, whole.size())));
    for (const auto i : kept) {
      records.push_back(whole[i]);
      auto& record = records.back();
      if (*rc::gen::weightedElement<bool>({{9, false}, {1, true}})) record.call.reset();
      if (*rc::gen::weightedElement<bool>({{9, false}, {1, true}})) record.seq.reset();
      if (*rc::gen::weightedElement<bool>({{9, false}, {1, true}})) record.rank = *rc::gen::inRange(0, 2);
      if (*rc::gen::weightedElement<bool>({{9, false}, {1, true}})) record.sketch.buckets = 0;
      if (*rc::gen::weightedElement<bool>({{9, false}, {1, true}})) record.run = "other";
    }
    return trace_of(std::move(records));
  };
  const auto reference = damaged(), port = damaged();
  const auto verdict = judge(reference, port, {});
  const auto total = std::accumulate(verdict.counts.begin(), verdict.counts.end(), std::size_t{0});
  RC_ASSERT(total == verdict.size());
  RC_ASSERT(verdict.size() <= reference->size() + port->size());
  const bool has_failure = std::ranges::any_of(statuses(verdict), is_failure);
  RC_ASSERT(verdict.passed == (!has_failure && total != 0));
  RC_ASSERT(verdict.first_diverged.has_value() == has_failure);
  const bool has_wrong = std::ranges::any_of(statuses(verdict), is_wrong);
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
};

TEST_F(DiffTraces, ReadsWhatTheSinkWrites) {
  const auto reference = file("a", lines_of(traced(Bug::None).in_file_order()));
  const auto port = file("b", lines_of(traced(Bug::RopeHalf, 1e-7F).in_file_order()));
  const auto verdict = diff_traces(reference, port);
  ASSERT_TRUE(verdict) << verdict.error().message;
  EXPECT_EQ(verdict->introducer->module, "blocks.0.attn1");
  EXPECT_EQ(verdict->reference.path, reference);
}

TEST_F(DiffTraces, ReadsFastVideosOwnFiles) {
  const auto text = R"({"module": "a", "tensor": "out", "step": 0, "abs_mean": 0.5, "sum": 1.0}
{"module": "a", "tensor": "out", "step": 0, "abs_mean": NaN, "sum": NaN}
)";
  const auto same = diff_traces(file("a", text), file("b", text));
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(same->row(0).status, Status::Equal);
  EXPECT_EQ(same->row(1).status, Status::Incomparable) << "nothing but NaN was recorded";
  EXPECT_EQ(same->key(1).call, 1U);

  const auto finite = file("c", R"({"module": "a", "tensor": "out", "step": 0, "abs_mean": 0.5000001, "sum": 7.0}
{"module": "a", "tensor": "out", "step": 0, "abs_mean": 0.6, "sum": 1.0}
)");
  const auto other = diff_traces(file("a", text), finite);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->row(0).status, Status::Within);
  EXPECT_EQ(other->row(1).status, Status::NonFinite);
}

TEST_F(DiffTraces, NamesLinesThatItCouldNotRead) {
  const auto whole = lines_of(traced(Bug::None).in_file_order());
  const auto verdict = diff_traces(file("a", whole), file("b", "rubbish\n" + whole));
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->passed);
  EXPECT_EQ(verdict->port.problem_count, 1U);
  EXPECT_EQ(verdict->port.problems.at(0).line, 1U);
}

TEST_F(DiffTraces, OfAFileWithoutRecordsIsAnErrorThatNamesTheFile) {
  const auto empty = file("empty", ""), rubbish = file("rubbish", "not a trace\n");
  const auto good = file("good", lines_of(traced(Bug::None).in_file_order()));
  EXPECT_THAT(diff_traces(empty, good).error().message, HasSubstr(empty));
  EXPECT_THAT(diff_traces(good, rubbish).error().message, HasSubstr("line 1"));
  EXPECT_FALSE(diff_traces(good, "/nonexistent/trace.jsonl"));
  EXPECT_FALSE(diff_traces("-", "-"));
}

TEST_F(DiffTraces, ReportsProgressThatOnlyGrows) {
  auto records = traced(Bug::None).in_file_order();
  while (records.size() < 3000) records.insert(records.end(), records.begin(), records.begin() + 50);
  const auto path = file("a", lines_of(records));
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
