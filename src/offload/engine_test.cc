#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <latch>

#include "offload/fake_transfer.h"

namespace fvhooks {
namespace {

using testing::HasSubstr;

constexpr std::size_t kBlock = 4096;

struct Offloaded {
  std::shared_ptr<FakeTransfer> transfer;
  std::unique_ptr<OffloadEngine> engine;
};

Offloaded offloaded(std::shared_ptr<FakeTransfer> transfer, const OffloadOptions& options = {}) {
  auto engine = OffloadEngine::open(transfer, options).value();
  return {transfer, std::move(engine)};
}

Offloaded offloaded(std::vector<std::size_t> sizes, const OffloadOptions& options = {}) {
  return offloaded(std::make_shared<FakeTransfer>(std::move(sizes)), options);
}

std::vector<std::size_t> equal_blocks(std::size_t count) { return std::vector<std::size_t>(count, kBlock); }

void run_once(const Offloaded& model, std::size_t block) {
  const auto lease = model.engine->acquire(block);
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_TRUE(model.transfer->holds(lease->data(), block)) << "block " << block;
}

// Waits until the loader has nothing more to do.
void wait_for_fetches(const Offloaded& model, std::size_t count) {
  for (int i = 0; i < 5000 && model.transfer->fetches < count; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_EQ(model.transfer->fetches, count);
}

TEST(OffloadEngine, GivesEachBlockItsOwnBytes) {
  const auto model = offloaded(equal_blocks(5));
  for (int step = 0; step < 3; ++step) {
    for (std::size_t block = 0; block < 5; ++block) run_once(model, block);
  }
}

TEST(OffloadEngine, LoadsEachStreamedBlockOnceAStep) {
  const auto model = offloaded(equal_blocks(6));
  for (int step = 0; step < 4; ++step) {
    for (std::size_t block = 0; block < 6; ++block) run_once(model, block);
  }
  wait_for_fetches(model, 4 * 6 + 1);  // the first block of the step that does not come
}

TEST(OffloadEngine, LoadsResidentBlocksOnce) {
  const auto model = offloaded(equal_blocks(6), {.budget = 6 * kBlock});
  for (int step = 0; step < 4; ++step) {
    for (std::size_t block = 0; block < 6; ++block) run_once(model, block);
  }
  EXPECT_EQ(model.transfer->fetches, 6u);
}

TEST(OffloadEngine, HasTheNextBlockWhileOneIsInUse) {
  const auto model = offloaded(equal_blocks(4));
  const auto lease = model.engine->acquire(0);
  ASSERT_TRUE(lease);
  wait_for_fetches(model, 2);
  run_once(model, 1);
  EXPECT_EQ(model.engine->report().stall_seconds[1], 0);
}

TEST(OffloadEngine, LearnsAnOrderOfItsOwn) {
  const auto model = offloaded(equal_blocks(6));
  const std::vector<std::size_t> order = {4, 1, 5, 0};
  for (int step = 0; step < 3; ++step) {
    for (const auto block : order) run_once(model, block);
  }
  model.engine->reset_report();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto before = model.transfer->fetches.load();
  for (const auto block : order) {
    run_once(model, block);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(model.engine->report().stalled(), 0);
  EXPECT_EQ(model.transfer->fetches - before, order.size());
}

RC_GTEST_PROP(OffloadEngine, GivesTheRightBytesInAnyOrder, ()) {
  const auto sizes =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 3 * kBlock)));
  const auto depth = *rc::gen::inRange<std::size_t>(0, 4);
  std::uint64_t total = 0;
  for (const auto size : sizes) total += (size + kBlock - 1) / kBlock * kBlock;
  const auto budget = *rc::gen::inRange<std::uint64_t>(0, total + 1);
  auto transfer = std::make_shared<FakeTransfer>(sizes);
  auto engine = OffloadEngine::open(transfer, {.budget = budget, .prefetch_depth = depth});
  if (!engine) {
    RC_ASSERT(budget != 0);
    return;
  }
  RC_ASSERT(transfer->allocated == (*engine)->allocated_bytes());
  if (budget != 0) RC_ASSERT((*engine)->allocated_bytes() <= budget);
  const auto order = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, sizes.size()));
  for (const auto block : order) {
    const auto lease = (*engine)->acquire(block);
    RC_ASSERT(lease.has_value());
    RC_ASSERT(transfer->holds(lease->data(), block));
  }
  *engine = nullptr;
  RC_ASSERT(transfer->allocated == 0u);
}

TEST(OffloadEngine, LetsABlockBeEnteredAgainWhileItIsInUse) {
  const auto model = offloaded(equal_blocks(3));
  const auto outer = model.engine->acquire(1);
  const auto inner = model.engine->acquire(1);
  ASSERT_TRUE(outer && inner);
  EXPECT_EQ(outer->data(), inner->data());
}

TEST(OffloadEngine, HoldsAsManyBlocksAtOnceAsThereAreSlotsAndRefusesMore) {
  const auto model = offloaded(equal_blocks(4));
  const auto first = model.engine->acquire(0), second = model.engine->acquire(1);
  ASSERT_TRUE(first && second);
  const auto third = model.engine->acquire(2);
  ASSERT_FALSE(third);
  EXPECT_THAT(third.error().message, HasSubstr("no slot"));
  EXPECT_TRUE(model.transfer->holds(first->data(), 0));
  EXPECT_TRUE(model.transfer->holds(second->data(), 1));
}

TEST(OffloadEngine, WhileOneBlockIsInUseAllOthersComeThroughTheSlotThatIsLeft) {
  const auto model = offloaded(equal_blocks(5));
  const auto held = model.engine->acquire(1);
  ASSERT_TRUE(held);
  for (const std::size_t block : {3, 4, 0, 3, 2, 3}) run_once(model, block);
  EXPECT_TRUE(model.transfer->holds(held->data(), 1));
}

TEST(OffloadEngine, WaitsForASlotThatAnotherThreadGivesBack) {
  const auto model = offloaded(equal_blocks(4), {.prefetch_depth = 0});
  auto held = std::make_unique<BlockLease>(model.engine->acquire(0).value());
  auto other = std::async(std::launch::async, [&] { run_once(model, 2); });
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_TRUE(model.transfer->holds(held->data(), 0));
  held.reset();
  other.get();
}

TEST(OffloadEngine, AFailingDiskIsTheErrorOfThatCallAndTheNextWorks) {
  const auto model = offloaded(equal_blocks(3), {.prefetch_depth = 0});
  run_once(model, 0);
  model.transfer->failures = 1;
  const auto failed = model.engine->acquire(1);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("the disk fails at block 1"));
  run_once(model, 1);
}

TEST(OffloadEngine, AFailedPrefetchIsTriedAgainWhenTheBlockIsNeeded) {
  const auto model = offloaded(equal_blocks(3));
  model.transfer->failures = 2;
  for (int i = 0; i < 5000 && model.transfer->failures > 0; ++i) {
    static_cast<void>(model.engine->acquire(0));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (std::size_t block = 0; block < 3; ++block) run_once(model, block);
}

TEST(OffloadEngine, AThrowingTransferIsAnErrorToo) {
  auto transfer = std::make_shared<FakeTransfer>(equal_blocks(3));
  transfer->before_fetch = [](std::size_t block) {
    if (block == 2) throw std::runtime_error("the driver is gone");
  };
  const auto model = offloaded(transfer, {.prefetch_depth = 0});
  run_once(model, 1);
  EXPECT_THAT(model.engine->acquire(2).error().message, HasSubstr("the driver is gone"));
}

TEST(OffloadEngine, MemoryThatIsNotToBeHadIsAnErrorOfOpen) {
  auto transfer = std::make_shared<FakeTransfer>(equal_blocks(3));
  transfer->out_of_memory = true;
  EXPECT_FALSE(OffloadEngine::open(transfer, {}));
}

TEST(OffloadEngine, ACommittedChangeStays) {
  const auto model = offloaded(equal_blocks(4));
  {
    const auto lease = model.engine->acquire_to_change(2).value();
    std::memset(lease.data(), FakeTransfer::content(2, 1), kBlock);
    ASSERT_TRUE(model.engine->commit(lease));
  }
  for (std::size_t block = 0; block < 4; ++block) {
    const auto lease = model.engine->acquire(block).value();
    EXPECT_TRUE(model.transfer->holds(lease.data(), block, block == 2 ? 1 : 0)) << block;
  }
}

TEST(OffloadEngine, AChangeThatIsNotCommittedIsForgotten) {
  for (const std::uint64_t budget : {std::uint64_t{0}, std::uint64_t{4 * kBlock}}) {
    const auto model = offloaded(equal_blocks(4), {.budget = budget});
    {
      const auto lease = model.engine->acquire_to_change(2).value();
      std::memset(lease.data(), 99, kBlock);
    }
    run_once(model, 2);
  }
}

TEST(OffloadEngine, ACommitThatFailsLeavesTheOldBytes) {
  const auto model = offloaded(equal_blocks(4), {.budget = 4 * kBlock});
  {
    const auto lease = model.engine->acquire_to_change(2).value();
    std::memset(lease.data(), FakeTransfer::content(2, 1), kBlock);
    model.transfer->put_failures = 1;
    EXPECT_THAT(model.engine->commit(lease).error().message, HasSubstr("the disk is full"));
  }
  run_once(model, 2);
}

TEST(OffloadEngine, AChangeOfABlockThatThisThreadUsesIsRefused) {
  const auto model = offloaded(equal_blocks(3));
  const auto use = model.engine->acquire(1).value();
  EXPECT_FALSE(model.engine->acquire_to_change(1));
}

TEST(OffloadEngine, WhoUsesABlockWaitsUntilItsChangeIsOver) {
  const auto model = offloaded(equal_blocks(3));
  std::future<bool> seen;
  {
    const auto lease = model.engine->acquire_to_change(1).value();
    seen = std::async(std::launch::async,
                      [&] { return model.transfer->holds(model.engine->acquire(1).value().data(), 1, 1); });
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::memset(lease.data(), FakeTransfer::content(1, 1), kBlock);
    ASSERT_TRUE(model.engine->commit(lease));
  }
  EXPECT_TRUE(seen.get());
}

TEST(OffloadEngine, ServesThreadsThatRunAtOnce) {
  const auto model = offloaded(equal_blocks(7), {.budget = 5 * kBlock, .prefetch_depth = 3});
  std::vector<std::future<void>> threads;
  for (std::size_t thread = 0; thread < 4; ++thread) {
    threads.push_back(std::async(std::launch::async, [&, thread] {
      for (std::size_t i = 0; i < 200; ++i) run_once(model, (i * (thread + 1) + thread) % 7);
    }));
  }
  for (auto& thread : threads) thread.get();
}

TEST(OffloadEngine, ClosesWhileALoadIsOnItsWay) {
  auto transfer = std::make_shared<FakeTransfer>(equal_blocks(8));
  transfer->delay = std::chrono::milliseconds(5);
  auto model = offloaded(transfer, {.prefetch_depth = 4});
  run_once(model, 0);
  model.engine.reset();
  EXPECT_EQ(model.transfer->allocated, 0u);
}

TEST(OffloadEngine, ForkedChildrenAreRefusedAndTheParentGoesOn) {
  const auto model = offloaded(equal_blocks(3));
  run_once(model, 0);
  const auto child = ::fork();
  if (child == 0) {
    const auto refused = model.engine->acquire(1);
    ::_exit(!refused && refused.error().message.find("forked child") != std::string::npos ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  run_once(model, 1);
}

TEST(OffloadEngine, ReportsWhatWasMovedAndWhoWaited) {
  const auto model = offloaded(equal_blocks(3), {.prefetch_depth = 0});
  for (std::size_t block = 0; block < 3; ++block) run_once(model, block);
  const auto report = model.engine->report();
  EXPECT_EQ(report.bytes_moved, 3 * kBlock);
  EXPECT_EQ(report.uses, (std::vector<std::uint64_t>{1, 1, 1}));
  EXPECT_EQ(report.loads, report.uses);
  EXPECT_GT(report.stalled(), 0);
  EXPECT_LE(report.stalled(), report.wall_seconds);
  EXPECT_GT(report.efficiency(), 0);
  EXPECT_LE(report.efficiency(), 1);
  EXPECT_THAT(chrome_trace(report), HasSubstr("\"name\":\"load 2\""));
}

}  // namespace
}  // namespace fvhooks
