#include "fvhooks/internal/snapshot.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

namespace fvhooks::internal {
namespace {

// Counts those that live.
class Counted {
 public:
  Counted(int value, std::atomic<int>& alive) : value_(value), alive_(&alive) { ++*alive_; }
  Counted(Counted&& other) noexcept : value_(other.value_), alive_(other.alive_) { ++*alive_; }
  ~Counted() {
    value_ = -1;
    --*alive_;
  }
  int value() const { return value_; }

 private:
  int value_;
  std::atomic<int>* alive_;
};

TEST(Snapshot, IsEmptyUntilItIsGivenAValue) {
  Snapshot<int> snapshot;
  EXPECT_FALSE(snapshot.read());
  snapshot.replace(3);
  EXPECT_EQ(*snapshot.read(), 3);
}

TEST(Snapshot, AReadingKeepsWhatItBeganWith) {
  std::atomic<int> alive = 0;
  std::optional<Snapshot<Counted>> holder(std::in_place);
  auto& snapshot = *holder;
  snapshot.replace(Counted(1, alive));
  {
    const auto outer = snapshot.read();
    {
      const auto inner = snapshot.read();
      snapshot.replace(Counted(2, alive));
      EXPECT_EQ(inner->value(), 1);
      EXPECT_EQ(snapshot.read()->value(), 2);
    }
    EXPECT_EQ(outer->value(), 1);
    EXPECT_EQ(alive, 2);
  }
  EXPECT_EQ(alive, 1);
  holder.reset();
  EXPECT_EQ(alive, 0);
}

TEST(Snapshot, WhatNobodyReadsDiesWhenItIsReplaced) {
  std::atomic<int> alive = 0;
  Snapshot<Counted> snapshot;
  for (int i = 0; i < 3; ++i) {
    snapshot.replace(Counted(i, alive));
    EXPECT_EQ(snapshot.read()->value(), i);
    EXPECT_EQ(alive, 1);
  }
}

TEST(Snapshot, AReadingOfNothingOutlivesItsReplacement) {
  Snapshot<int> snapshot;
  {
    const auto nothing = snapshot.read();
    snapshot.replace(1);
    EXPECT_FALSE(nothing);
  }
  EXPECT_EQ(*snapshot.read(), 1);
}

TEST(Snapshot, ReadersOnManyThreadsSeeOnlyLivingValues) {
  std::atomic<int> alive = 0, wrong = 0, readings = 0;
  std::atomic<bool> done = false;
  {
    Snapshot<Counted> snapshot;
    std::vector<std::thread> threads;
    for (int reader = 0; reader < 3; ++reader) {
      threads.emplace_back([&] {
        while (!done) {
          const auto outer = snapshot.read();
          const auto inner = snapshot.read();
          if ((outer && outer->value() < 0) || (inner && inner->value() < 0)) ++wrong;
          ++readings;
        }
      });
    }
    for (int writer = 0; writer < 2; ++writer) {
      threads.emplace_back([&] {
        for (int i = 0; !done; i = (i + 1) % 1000) snapshot.replace(Counted(i, alive));
      });
    }
    while (readings < 100'000) std::this_thread::yield();
    done = true;
    for (auto& thread : threads) thread.join();
    EXPECT_LE(alive, 1);
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace fvhooks::internal
