#include "fvhooks/tracer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <thread>

#include "fvhooks/step.h"
#include "trace/test_support.h"

namespace fvhooks {
namespace {

using testing::CapturedWarnings;
using testing::contents;
using ::testing::HasSubstr;
using testing::in_child;
using testing::read_file;
using ::testing::SizeIs;
using testing::TemporaryFolder;

const Label kOut{nullptr, std::string_view("out")};

struct SmallTensor {
  std::array<float, 4> data{1, -2, 0, 3};
  std::array<std::int64_t, 2> sizes{2, 2}, strides{2, 1};
  operator TensorView() const { return {data.data(), DType::Float32, sizes, strides}; }  // NOLINT: implicit by design
};

TraceConfig config_for(const std::string& output, std::vector<Stat> stats = {Stat::Sum}) {
  TraceConfig config;
  config.enabled = true;
  config.stats = std::move(stats);
  config.output = output;
  return config;
}

std::shared_ptr<Tracer> open_tracer(const TraceConfig& config, std::string root = {}) {
  return Tracer::open(config, std::move(root)).value();
}

void trace(Tracer& tracer, std::string_view module) {
  tracer.record(module, tracer.enter(module), kOut, SmallTensor());
}

std::string without_run(std::string line) { return line.replace(line.find("\"run\":\"") + 7, 8, "--------"); }

TEST(Tracer, WritesARecordAsThePageOfTheRecordSays) {
  TemporaryFolder folder;
  auto config = config_for(folder / "t", {Stat::AbsMean, Stat::Zeros, Stat::Shape, Stat::DType});
  config.sketch = 0;
  const auto tracer = open_tracer(config, "transformer");
  const TraceStep step(3);
  const Label place{&kOut, LabelIndex{1}};
  tracer->record("blocks.0", tracer->enter("blocks.0"), place, SmallTensor());
  EXPECT_EQ(without_run(contents(folder / "t")),
            R"({"module":"blocks.0","tensor":"out[1]","step":3,"abs_mean":1.5,"zeros":1,"shape":[2,2],)"
            R"("dtype":"torch.float32","call":0,"seq":0,"run":"--------","root":"transformer"})"
            "\n");
}

TEST(Tracer, AddsTheSketchAndTheCountsOfNonFiniteElements) {
  TemporaryFolder folder;
  auto config = config_for(folder / "t");
  config.sketch = 128;
  SmallTensor tensor;
  tensor.data = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1, 2};
  const auto tracer = open_tracer(config);
  tracer->record("m", tracer->enter("m"), kOut, tensor);
  trace(*tracer, "m");
  const auto records = read_file(folder / "t").records;
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_EQ(records[0].nan, 1U);
  EXPECT_EQ(records[0].inf, 1U);
  EXPECT_EQ(records[0].sketch.buckets, 128);
  EXPECT_EQ(records[1].nan, 0U);
  Sketch expected;
  tensor_stats(SmallTensor(), 128, &expected);
  EXPECT_TRUE(std::equal(expected.values.begin(), expected.values.begin() + 128, records[1].sketch.values.begin()));
}

// FastVideo has no call index: the two passes of classifier-free guidance look the same.
TEST(Tracer, TellsTheTwoPassesOfGuidanceApart) {
  TemporaryFolder folder;
  const auto tracer = open_tracer(config_for(folder / "t"));
  for (const int step_index : {0, 1}) {
    const TraceStep step(step_index);
    for (int pass = 0; pass < 2; ++pass) {
      trace(*tracer, "a");
      trace(*tracer, "b");
    }
  }
  trace(*tracer, "a");
  const auto records = read_file(folder / "t").records;
  ASSERT_THAT(records, SizeIs(9));
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(records[i].call, i / 2 % 2);
    EXPECT_EQ(records[i].seq, i);
    EXPECT_EQ(records[i].step, i / 4);
  }
  EXPECT_EQ(records[8].call, 0U);
  EXPECT_EQ(records[8].step, std::nullopt);
}

TEST(Tracer, ACallThatThrowsUsesItsNumberUp) {
  TemporaryFolder folder;
  const auto tracer = open_tracer(config_for(folder / "t"));
  EXPECT_EQ(tracer->enter("m").call, 0U);
  EXPECT_EQ(tracer->enter("m").call, 1U);
}

// Reruns append, with nothing to tell them apart; a forked child writes into its parent's file.
TEST(Tracer, AForkedChildIsARunOfItsOwnAndCountsFromZero) {
  TemporaryFolder folder;
  for (const std::string name : {"shared", "own_<pid>"}) {
    const auto tracer = open_tracer(config_for(folder / name));
    trace(*tracer, "m");
    trace(*tracer, "m");
    const auto status = in_child([&] {
      trace(*tracer, "m");
      std::ofstream(folder / "child") << tracer->path();
      if (tracer->written() != 1) ::_exit(1);
    });
    EXPECT_EQ(status, 0);
    trace(*tracer, "m");
    const auto child = read_file(contents(folder / "child")).records;
    const auto& first = name == "shared" ? child[2] : child[0];
    EXPECT_EQ(first.call, 0U);
    EXPECT_EQ(first.seq, 0U);
    EXPECT_NE(first.run, run_id());
    const auto last = read_file(tracer->path()).records.back();
    EXPECT_EQ(last.call, 2U);
    EXPECT_EQ(last.seq, 2U);
    EXPECT_EQ(last.run, run_id());
  }
}

TEST(Tracer, NamesTheRunByEightHexadecimalDigits) {
  EXPECT_EQ(run_id().size(), 8U);
  EXPECT_EQ(run_id().find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(run_id(), run_id());
}

TEST(Tracer, SharesFileAndNumberingWithAnotherTracerOnThePath) {
  TemporaryFolder folder;
  const auto first = open_tracer(config_for(folder / "t"), "transformer");
  const auto second = open_tracer(config_for(folder / "./t"), "vae");
  trace(*first, "m");
  trace(*second, "m");
  trace(*first, "m");
  EXPECT_EQ(first->written(), 3U);
  EXPECT_EQ(second->written(), 3U);
  const auto records = read_file(folder / "t").records;
  ASSERT_THAT(records, SizeIs(3));
  EXPECT_EQ(records[1].root, "vae");
  EXPECT_EQ(records[1].call, 0U);
  EXPECT_EQ(records[2].call, 1U);
  EXPECT_EQ(records[2].seq, 2U);
}

TEST(Tracer, WarnsWhereASecondTracerAsksForAnotherBatch) {
  TemporaryFolder folder;
  CapturedWarnings warnings;
  const auto first = open_tracer(config_for(folder / "t"));
  auto config = config_for(folder / "t");
  config.batch = 5;
  const auto second = open_tracer(config);
  ASSERT_THAT(warnings.messages(), SizeIs(1));
  EXPECT_THAT(warnings.messages()[0], HasSubstr("FASTVIDEO_TRACE_BATCH=5"));
  trace(*second, "m");
  EXPECT_THAT(read_file(folder / "t").records, SizeIs(1));
}

TEST(Tracer, FlushesItsBatchWhenItGoes) {
  TemporaryFolder folder;
  auto config = config_for(folder / "t");
  config.batch = 5;
  auto tracer = open_tracer(config);
  trace(*tracer, "m");
  EXPECT_EQ(contents(folder / "t"), "");
  tracer.reset();
  EXPECT_THAT(read_file(folder / "t").records, SizeIs(1));
}

TEST(Tracer, LeavesOutStepsThatTheFilterDoesNotPass) {
  TemporaryFolder folder;
  auto config = config_for(folder / "t");
  config.steps = StepFilter::parse("1-2").value();
  const auto tracer = open_tracer(config);
  for (int index = 0; index < 5; ++index) {
    const TraceStep step(index);
    trace(*tracer, "m");
  }
  trace(*tracer, "m");
  EXPECT_THAT(read_file(folder / "t").records, SizeIs(2));
  EXPECT_FALSE(tracer->enter("m").recorded);
}

TEST(Tracer, DoesNotReadElementsThatNobodyAskedFor) {
  TemporaryFolder folder;
  auto config = config_for(folder / "t", {Stat::Shape, Stat::DType});
  config.sketch = 0;
  const auto tracer = open_tracer(config);
  const std::array<std::int64_t, 1> sizes{1000}, strides{1};
  const TensorView unreadable{reinterpret_cast<const void*>(std::uintptr_t{64}), DType::BFloat16, sizes, strides};
  tracer->record("m", tracer->enter("m"), kOut, unreadable);
  EXPECT_THAT(contents(folder / "t"), HasSubstr(R"("shape":[1000],"dtype":"torch.bfloat16","call")"));
}

TEST(Tracer, SaysWhyATensorHasNoValues) {
  TemporaryFolder folder;
  const auto tracer = open_tracer(config_for(folder / "t", {Stat::Sum, Stat::Shape, Stat::DType}));
  trace(*tracer, "m");  // the record's memory is used again
  const std::array<std::int64_t, 2> sizes{2, 2};
  tracer->record("proj", tracer->enter("proj"), kOut,
                 OpaqueTensor{"a meta tensor has no values", "torch.float32", sizes});
  const auto text = contents(folder / "t");
  EXPECT_EQ(without_run(text.substr(text.find('\n') + 1)),
            R"({"module":"proj","tensor":"out","step":null,"sum":"<error: a meta tensor has no values>",)"
            R"("shape":[2,2],"dtype":"torch.float32","call":0,"seq":1,"run":"--------"})"
            "\n");
}

TEST(Tracer, CompletesARecordWhoseStatisticsTheCallerMade) {
  TemporaryFolder folder;
  const auto tracer = open_tracer(config_for(folder / "t"));
  Record record;
  record.stats.emplace_back("mine", RawJson{"[true]"});
  tracer->record("m", tracer->enter("m"), kOut, std::move(record));
  const auto read = read_file(folder / "t").records;
  ASSERT_THAT(read, SizeIs(1));
  EXPECT_EQ(read[0].module, "m");
  EXPECT_EQ(read[0].call, 0U);
  EXPECT_EQ(read[0].run, run_id());
  EXPECT_EQ(std::get<RawJson>(*read[0].find("mine")).text, "[true]");
}

TEST(Tracer, WritesTheRankWhereThereIsOne) {
  TemporaryFolder folder;
  const auto tracer = open_tracer(config_for(folder / "t"));
  set_rank(3);
  trace(*tracer, "m");
  set_rank(std::nullopt);
  trace(*tracer, "m");
  const auto records = read_file(folder / "t").records;
  EXPECT_EQ(records[0].rank, 3);
  EXPECT_EQ(records[1].rank, std::nullopt);
}

TEST(Tracer, OpensOnlyWhatCanBeWritten) {
  TemporaryFolder folder;
  EXPECT_FALSE(Tracer::open(config_for(folder.path())));
}

TEST(Tracer, FullDiskIsCountedAndNothingElse) {
  CapturedWarnings warnings;
  const auto tracer = open_tracer(config_for("/dev/full"));
  for (int i = 0; i < 3; ++i) trace(*tracer, "m");
  EXPECT_EQ(tracer->dropped(), 3U);
  EXPECT_EQ(tracer->written(), 0U);
  EXPECT_THAT(warnings.messages(), SizeIs(1));
}

TEST(Tracer, NumbersRecordsAndCallsOfManyThreadsOnceEach) {
  TemporaryFolder folder;
  const auto tracer = open_tracer(config_for(folder / "t"));
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto other = open_tracer(config_for(folder / "t"));
      for (int j = 0; j < 100; ++j) trace(j % 2 ? *tracer : *other, "m");
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<std::uint64_t> seqs, calls;
  for (const auto& record : read_file(folder / "t").records) {
    seqs.insert(*record.seq);
    calls.insert(*record.call);
  }
  EXPECT_THAT(seqs, SizeIs(800));
  EXPECT_EQ(*seqs.rbegin(), 799U);
  EXPECT_THAT(calls, SizeIs(800));
  EXPECT_EQ(*calls.rbegin(), 799U);
}

}  // namespace
}  // namespace fvhooks
