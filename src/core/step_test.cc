#include "fvhooks/step.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace fvhooks {
namespace {

TEST(TraceStep, NestsAndPutsBackWhatWasThere) {
  EXPECT_EQ(current_step(), std::nullopt);
  {
    const TraceStep outer(3);
    EXPECT_EQ(current_step(), 3);
    {
      const TraceStep inner(4);
      EXPECT_EQ(current_step(), 4);
    }
    EXPECT_EQ(current_step(), 3);
  }
  EXPECT_EQ(current_step(), std::nullopt);
}

TEST(TraceStep, SurvivesAnException) {
  try {
    const TraceStep scope(7);
    throw std::runtime_error("forward failed");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(current_step(), std::nullopt);
}

TEST(TraceStep, IsOfOneThreadAndCanBeCarriedToAnother) {
  const TraceStep scope(5);
  const auto carried = current_step();
  std::optional<std::int64_t> bare = 0;
  std::optional<std::int64_t> with_scope;
  std::thread([&] {
    bare = current_step();
    const TraceStep on_worker(carried);
    with_scope = current_step();
  }).join();
  EXPECT_EQ(bare, std::nullopt);
  EXPECT_EQ(with_scope, 5);
}

}  // namespace
}  // namespace fvhooks
