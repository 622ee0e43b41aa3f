// What a trace adds to a call, once the first lines are written: no allocation but those of the statistics.
#include <gtest/gtest.h>

#include "core/testing/allocations.h"
#include "core/testing/temporary_folder.h"
#include "fvhooks/torch/activation_trace.h"
#include "fvhooks/torch/nn.h"
#include "fvhooks/torch/tensor_view.h"

namespace fvhooks {
namespace {

using testing::allocations_in;

TEST(ActivationTrace, ATracedCallAllocatesNoMoreThanAPlainOneAndItsStatistics) {
  const testing::TemporaryFolder folder;
  TraceConfig config;
  config.enabled = true;
  config.stats.assign(all_stats().begin(), all_stats().end());
  config.output = folder / "trace.jsonl";
  config.inputs = true;
  nn::Sequential model{nn::Identity()};
  const auto x = torch::rand({4, 8});
  const auto calls = [&] {
    for (int i = 0; i < 20; ++i) model->forward(x);
  };
  calls();
  const auto plain = allocations_in(calls);
  const auto trace = attach_activation_trace(model, config);
  calls();
  const auto statistics = [&] {
    Sketch sketch;
    for (int i = 0; i < 40; ++i) tensor_stats(*HostTensor(x).view(), config.sketch, &sketch);
  };
  EXPECT_EQ(allocations_in(calls), plain + allocations_in(statistics));
  EXPECT_EQ(trace.tracer().written(), 80U);
}

}  // namespace
}  // namespace fvhooks
