#include "trace/deferred_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "fvhooks/tracer.h"
#include "trace/test_support.h"

namespace fvhooks {
namespace {

using testing::CapturedWarnings;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::in_child;
using ::testing::IsEmpty;
using testing::read_file;
using ::testing::SizeIs;
using testing::TemporaryFolder;

constexpr std::size_t kMost = internal::DeferredRecords::kMost;
const Label kOut{nullptr, std::string_view("out")};
const std::vector<std::int64_t> kSizes{2, 3};

// A computation that ends when the test says so.
struct Computation {
  bool done = false;
  bool fails = false;
  int waits = 0;  // how often it was waited for before it was done
  int given_back = 0;
};

class StatsOf final : public DeferredStats {
 public:
  explicit StatsOf(Computation& computation) : computation_(computation) {}
  ~StatsOf() override { ++computation_.given_back; }
  bool ready() override {
    if (computation_.fails) throw std::runtime_error("the device fell off the bus");
    return computation_.done;
  }
  TensorStats get(int buckets, Sketch& sketch) override {
    if (computation_.fails) throw std::runtime_error("the device fell off the bus");
    if (!computation_.done) ++computation_.waits;
    sketch.values.fill(1);
    TensorStats stats;
    stats.count = 6;
    stats.sum = buckets;
    stats.nan = 2;
    return stats;
  }

 private:
  Computation& computation_;
};

class Deferred : public ::testing::Test {
 protected:
  Deferred() {
    config.enabled = true;
    config.stats = {Stat::Sum, Stat::Shape, Stat::DType};
    config.output = folder / "t";
    tracer = Tracer::open(config).value();
  }

  void record(const std::string& module, Computation& computation) {
    tracer->record(module, tracer->enter(module), kOut,
                   DeferredTensor{DType::BFloat16, kSizes, std::make_unique<StatsOf>(computation)});
  }
  std::vector<std::string> written() const {
    std::vector<std::string> modules;
    for (const auto& record : read_file(folder / "t").records) modules.push_back(record.module);
    return modules;
  }

  TemporaryFolder folder;
  TraceConfig config;
  std::shared_ptr<Tracer> tracer;
  Computation first, second, third;
};

TEST_F(Deferred, IsWrittenAtOnceIfItsStatisticsAreThere) {
  first.done = true;
  record("a", first);
  const auto records = read_file(folder / "t").records;
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].number("sum"), 64);
  EXPECT_EQ(*records[0].find("shape"), Value(kSizes));
  EXPECT_EQ(*records[0].find("dtype"), Value("torch.bfloat16"));
  EXPECT_EQ(records[0].nan, 2U);
  EXPECT_EQ(records[0].sketch.buckets, 64);
  EXPECT_EQ(records[0].sketch.values[63], 1);
  EXPECT_EQ(first.given_back, 1);
}

TEST_F(Deferred, IsWrittenByALaterCallOnceItsStatisticsAreThere) {
  record("a", first);
  EXPECT_THAT(written(), IsEmpty());
  first.done = true;
  record("b", second);
  EXPECT_THAT(written(), ElementsAre("a"));
  EXPECT_EQ(first.waits + second.waits, 0);
}

TEST_F(Deferred, KeepsTheOrderOfTheForwards) {
  record("a", first);
  second.done = third.done = true;
  record("b", second);
  record("c", third);
  EXPECT_THAT(written(), IsEmpty());
  tracer->flush();
  EXPECT_THAT(written(), ElementsAre("a", "b", "c"));
  const auto records = read_file(folder / "t").records;
  EXPECT_EQ(records[0].seq, 0U);
  EXPECT_EQ(records[2].seq, 2U);
}

TEST_F(Deferred, IsNumberedWhenItWasMadeNotWhenItWasWritten) {
  record("a", first);
  tracer->record("host", tracer->enter("host"), kOut, OpaqueTensor{"no values", "torch.float32", kSizes});
  EXPECT_THAT(written(), ElementsAre("host"));
  tracer->flush();
  EXPECT_EQ(read_file(folder / "t").records[1].seq, 0U);
}

TEST_F(Deferred, WaitsForTheOldestIfTooManyWait) {
  std::vector<Computation> many(kMost + 1);
  for (std::size_t i = 0; i < kMost; ++i) record("m", many[i]);
  EXPECT_THAT(written(), IsEmpty());
  record("m", many[kMost]);
  EXPECT_THAT(written(), SizeIs(1));
  EXPECT_EQ(many[0].waits, 1);
  EXPECT_EQ(many[1].waits, 0);
  tracer = nullptr;
}

TEST_F(Deferred, IsWrittenWhenTheTraceEnds) {
  record("a", first);
  tracer = nullptr;
  EXPECT_THAT(written(), ElementsAre("a"));
  EXPECT_EQ(first.waits, 1);
}

TEST_F(Deferred, IsWrittenWhenTheProcessEnds) {
  const auto status = in_child([&] {
    static auto* const leaked = new auto(Tracer::open(config).value());
    static Computation computation;
    (*leaked)->record("a", (*leaked)->enter("a"), kOut,
                      DeferredTensor{DType::BFloat16, kSizes, std::make_unique<StatsOf>(computation)});
    tracer = nullptr;
    std::exit(7);
  });
  EXPECT_EQ(status, 7);
  EXPECT_THAT(written(), ElementsAre("a"));
}

TEST_F(Deferred, IsLostAndCountedIfTheDeviceFails) {
  const CapturedWarnings warnings;
  first.fails = second.fails = true;
  record("a", first);
  record("b", second);
  third.done = true;
  record("c", third);
  EXPECT_THAT(written(), ElementsAre("c"));
  EXPECT_EQ(tracer->dropped(), 2U);
  EXPECT_THAT(warnings.messages(), ElementsAre(HasSubstr("the device fell off the bus")));
}

TEST_F(Deferred, StaysTheParentsAfterAFork) {
  record("a", first);
  EXPECT_EQ(in_child([&] {
              tracer->flush();
              ::_exit(first.waits + first.given_back);
            }),
            0);
  EXPECT_THAT(written(), IsEmpty());
  tracer->flush();
  EXPECT_THAT(written(), ElementsAre("a"));
}

TEST_F(Deferred, IsNotMadeOutsideTheStepsAskedFor) {
  tracer->record("a", TraceCall{.step = 1, .recorded = false}, kOut,
                 DeferredTensor{DType::Float32, kSizes, std::make_unique<StatsOf>(first)});
  tracer->flush();
  EXPECT_THAT(written(), IsEmpty());
  EXPECT_EQ(first.given_back, 1);
}

}  // namespace
}  // namespace fvhooks
