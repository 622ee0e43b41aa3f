// From the statistics of a tensor to its line nothing is allocated, once the first lines are written.
#include <gtest/gtest.h>

#include <array>
#include <tuple>

#include "core/testing/allocations.h"
#include "core/testing/temporary_folder.h"
#include "fvhooks/step.h"
#include "fvhooks/tracer.h"

namespace fvhooks {
namespace {

using testing::allocations_in;
using testing::TemporaryFolder;

class TracerAllocations : public ::testing::TestWithParam<std::tuple<int, std::size_t>> {};

TEST_P(TracerAllocations, AreThoseOfTheStatisticsOnlyForARecordLikeThoseBefore) {
  const TemporaryFolder folder;
  const auto [sketch, batch] = GetParam();
  TraceConfig config;
  config.enabled = true;
  config.stats.assign(all_stats().begin(), all_stats().end());
  config.output = folder / "trace.jsonl";
  config.sketch = sketch;
  config.batch = batch;
  const auto tracer = Tracer::open(config, "transformer").value();

  const std::array<float, 6> data{1.25F, -2.5F, 3.1415926F, 1e-20F, 0, 7};
  const std::array<std::int64_t, 2> sizes{2, 3}, strides{3, 1};
  const TensorView tensor{data.data(), DType::Float32, sizes, strides};
  const Label out{nullptr, std::string_view("out")};
  const Label place{&out, LabelKey{"a sample's key"}};
  const TraceStep step(3);
  const auto calls = [&] {
    for (int i = 0; i < 50; ++i) {
      const auto call = tracer->enter("transformer_blocks.0.attn1.to_q");
      tracer->record("transformer_blocks.0.attn1.to_q", call, place, tensor);
    }
  };
  const auto statistics = [&, buckets = sketch] {
    Sketch unused;
    for (int i = 0; i < 50; ++i) tensor_stats(tensor, buckets, &unused);
  };
  calls();
  EXPECT_EQ(allocations_in(calls), allocations_in(statistics));
  tracer->flush();
  EXPECT_EQ(tracer->written(), 100U);
}

INSTANTIATE_TEST_SUITE_P(SketchAndBatch, TracerAllocations,
                         ::testing::Combine(::testing::Values(0, 64, 256), ::testing::Values(std::size_t{0}, 7)));

TEST(Allocations, AreCounted) {
  const auto allocate = [] {
    auto* number = new int(1);
    asm volatile("" : "+r"(number));  // else the compiler may leave both out
    delete number;
  };
  EXPECT_EQ(allocations_in(allocate), 1U);
}

}  // namespace
}  // namespace fvhooks
