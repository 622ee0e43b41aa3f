#include "torch/device_stats.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/record_function.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "core/testing/temporary_folder.h"
#include "fvhooks/torch/activation_trace.h"
#include "fvhooks/torch/nn.h"
#include "fvhooks/torch/tensor_view.h"
#include "fvhooks/trace_reader.h"
#include "torch/device_stats_rows.h"

namespace fvhooks {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr at::ScalarType kEveryType[] = {at::kDouble,        at::kFloat,        at::kHalf,         at::kBFloat16,
                                         at::kFloat8_e4m3fn, at::kFloat8_e5m2,  at::kLong,         at::kInt,
                                         at::kShort,         at::kChar,         at::kByte,         at::kBool,
                                         at::kComplexHalf,   at::kComplexFloat, at::kComplexDouble};

struct Outcome {
  TensorStats stats;
  Sketch sketch;
};

Outcome by_kernels(const at::Tensor& tensor) {
  const HostTensor host(tensor);
  Outcome outcome;
  outcome.sketch.buckets = 64;
  outcome.stats = tensor_stats(*host.view(), 64, &outcome.sketch);
  return outcome;
}

Outcome by_operations(const at::Tensor& tensor) {
  const auto deferred = internal::device_stats(tensor, /*sketch=*/true);
  EXPECT_TRUE(deferred->ready());
  Outcome outcome;
  outcome.sketch.buckets = 64;
  outcome.stats = deferred->get(64, outcome.sketch);
  return outcome;
}

// Equal, both NaN, or no further apart than `bound`.
void expect_near(double found, double expected, double bound, const char* what) {
  if (found == expected || (std::isnan(found) && std::isnan(expected))) return;
  EXPECT_LE(std::abs(found - expected), bound) << what << " is " << found << ", not " << expected;
}

// The bounds of docs/statistics.md, between two that each keep them.
void expect_agreement(const at::Tensor& tensor) {
  SCOPED_TRACE(torch_dtype_name(tensor.scalar_type()) + " " + c10::str(tensor.sizes()) + c10::str(tensor.strides()));
  const auto [expected, expected_sketch] = by_kernels(tensor);
  const auto [found, found_sketch] = by_operations(tensor);
  const auto magnitude = expected.abs_mean * static_cast<double>(expected.count);
  EXPECT_EQ(found.count, expected.count);
  EXPECT_EQ(found.nan, expected.nan);
  EXPECT_EQ(found.inf, expected.inf);
  EXPECT_EQ(found.zeros, expected.zeros);
  EXPECT_EQ(found.integral, expected.integral);
  EXPECT_TRUE(found.exact_sum == expected.exact_sum);
  EXPECT_TRUE(found.exact_min == expected.exact_min);
  EXPECT_TRUE(found.exact_max == expected.exact_max);
  EXPECT_TRUE(found.exact_abs_max == expected.exact_abs_max);
  // A modulus may round to either of two neighbouring doubles.
  const double rounding = tensor.is_complex() ? 4e-16 : 0;
  expect_near(found.min, expected.min, rounding * expected.abs_max, "min");
  expect_near(found.max, expected.max, rounding * expected.abs_max, "max");
  expect_near(found.abs_max, expected.abs_max, rounding * expected.abs_max, "abs_max");
  expect_near(found.sum, expected.sum, 1e-7 * magnitude, "sum");
  expect_near(found.mean, expected.mean, 1e-7 * expected.abs_mean, "mean");
  expect_near(found.abs_mean, expected.abs_mean, 1e-6 * expected.abs_mean, "abs_mean");
  expect_near(found.std, expected.std, 1e-6 * expected.std + 1e-15 * magnitude, "std");
  expect_near(found.rms, expected.rms, 1e-6 * expected.rms, "rms");
  // Of two that overflowed alike there is no distance.
  const bool alike = found_sketch.values == expected_sketch.values;
  EXPECT_LE(alike ? 0 : relative_l2(expected_sketch, found_sketch), 3e-7);
}

at::Tensor random_tensor(at::ScalarType type, at::IntArrayRef sizes) {
  if (c10::isComplexType(type)) return at::randn(sizes, at::kComplexFloat).to(type);
  if (c10::isIntegralType(type, /*includeBool=*/true)) return at::randint(0, 100, sizes, at::kLong).to(type);
  return (at::randn(sizes) + 0.25).to(type);
}

TEST(DeviceStats, AgreeWithTheKernelsForEveryDTypeAndShape) {
  at::manual_seed(1);
  const std::vector<std::vector<std::int64_t>> shapes{{}, {1}, {7}, {256}, {257}, {3, 5, 100}, {2, 3, 1000}};
  for (const auto type : kEveryType)
    for (const auto& shape : shapes) expect_agreement(random_tensor(type, shape));
}

TEST(DeviceStats, AgreeWithTheKernelsForEveryLayout) {
  at::manual_seed(2);
  for (const auto type : {at::kFloat, at::kBFloat16, at::kLong, at::kComplexFloat}) {
    const auto tensor = random_tensor(type, {6, 10, 9, 8});
    expect_agreement(tensor.permute({2, 0, 3, 1}));
    expect_agreement(tensor.slice(1, 1, 10, 3));
    expect_agreement(tensor.narrow(0, 1, 1).expand({4, 10, 9, 8}));
    expect_agreement(tensor.contiguous(at::MemoryFormat::ChannelsLast));
  }
  const auto complex = random_tensor(at::kComplexFloat, {30, 7});
  expect_agreement(complex.conj());
  expect_agreement(at::imag(complex.conj()));
}

TEST(DeviceStats, AgreeWithTheKernelsForSpecialValues) {
  for (const auto& values : std::vector<std::vector<double>>{{0, -0.0},
                                                             {-0.0},
                                                             {kNaN, 1, -2},
                                                             {kInfinity, 1, 2},
                                                             {kInfinity, -kInfinity},
                                                             {kNaN, kInfinity, 0},
                                                             {1e300, -1e300, 1},
                                                             {1e-310, 3e-310}}) {
    expect_agreement(at::tensor(values, at::kDouble));
    expect_agreement(at::tensor(values, at::kFloat));
  }
  expect_agreement(at::randn({100'000}, at::kDouble) + 1e6);
}

TEST(DeviceStats, IntegersAreExact) {
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min(), kMost = std::numeric_limits<std::int64_t>::max();
  for (const auto& values : std::vector<std::vector<std::int64_t>>{
           {kMost, kMost, kMost}, {kLeast, kLeast, -1}, {kLeast, kMost}, {-5, 3}, {(1LL << 53) + 1}})
    expect_agreement(at::tensor(values, at::kLong));
  expect_agreement(at::full({5'000'000}, kMost, at::kLong));
}

TEST(DeviceStats, ComeNearInFloat32WhereThereIsNoFloat64) {
  at::manual_seed(4);
  for (const auto type : {at::kFloat, at::kHalf, at::kBFloat16, at::kInt, at::kComplexFloat}) {
    const auto tensor = random_tensor(type, {300, 1000});
    const auto [expected, expected_sketch] = by_kernels(tensor);
    const auto rows = internal::stats_rows(tensor, true, /*wide=*/false);
    Sketch sketch;
    sketch.buckets = 64;
    const auto found = internal::joined(rows, rows.numbers.const_data_ptr<std::int64_t>(), 64, sketch);
    EXPECT_TRUE(found.exact_sum == expected.exact_sum);
    EXPECT_EQ(found.zeros, expected.zeros);
    EXPECT_NEAR(found.max, expected.max, 1e-6 * expected.abs_max);
    EXPECT_NEAR(found.mean, expected.mean, 1e-6 * expected.abs_mean);
    EXPECT_NEAR(found.abs_mean, expected.abs_mean, 1e-6 * expected.abs_mean);
    EXPECT_NEAR(found.std, expected.std, 1e-5 * expected.std);
    EXPECT_NEAR(found.rms, expected.rms, 1e-5 * expected.rms);
    EXPECT_LE(relative_l2(expected_sketch, sketch), 1e-6);
  }
}

// Pieces of 2^22 elements: their borders lie anywhere in a group of 256.
TEST(DeviceStats, AreComputedAPieceAtATime) {
  at::manual_seed(3);
  const auto large = at::randn({3, 1'500'001}).to(at::kBFloat16);
  expect_agreement(large);
  expect_agreement(large.t());
  EXPECT_EQ(internal::stats_rows(large, true, true).counts.size(), 2U);
  EXPECT_EQ(internal::stats_rows(large.t(), true, true).counts.size(), 2U);
  expect_agreement(at::randn({2'500'001}, at::kComplexFloat));
}

// How often each operation runs, and how many copies are not waited for.
class CountedOperations {
 public:
  CountedOperations() {
    current = this;
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(&count).needsInputs(true));
  }
  ~CountedOperations() {
    at::removeCallback(handle_);
    current = nullptr;
  }
  CountedOperations(const CountedOperations&) = delete;
  CountedOperations& operator=(const CountedOperations&) = delete;

  std::map<std::string, int> calls;
  int fetches = 0;

 private:
  static std::unique_ptr<at::ObserverContext> count(const at::RecordFunction& function) {
    ++current->calls[function.name()];
    const auto inputs = function.inputs();
    if (std::string(function.name()) == "aten::copy_" && inputs.size() == 3 && inputs[2].toBool()) ++current->fetches;
    return nullptr;
  }
  static inline thread_local CountedOperations* current = nullptr;
  at::CallbackHandle handle_{};
};

TEST(DeviceStats, AreFetchedByOneCopy) {
  for (const auto type : kEveryType) {
    const auto tensor = random_tensor(type, {5, 300});
    const CountedOperations operations;
    by_operations(tensor);
    EXPECT_EQ(operations.fetches, 1);
    for (const char* reads_values : {"aten::item", "aten::_local_scalar_dense", "aten::is_nonzero", "aten::nonzero",
                                     "aten::masked_select", "aten::index", "aten::equal"})
      EXPECT_EQ(operations.calls.count(reads_values), 0U) << reads_values;
    EXPECT_GT(operations.calls.count("aten::scatter_"), 0U);
  }
}

TEST(DeviceStats, LeaveAutogradAlone) {
  const auto tensor = at::randn({10}).requires_grad_();
  const auto activation = tensor * 2;
  by_operations(activation);
  EXPECT_EQ(activation._version(), 0);
  activation.sum().backward();
  EXPECT_TRUE(at::equal(tensor.grad(), at::full({10}, 2.0)));
}

struct HalfFailingImpl : torch::nn::Module {
  HalfFailingImpl() { register_module("layer", layer); }
  at::Tensor forward(const at::Tensor& x) {
    const auto y = layer(x);
    if (fails) throw std::runtime_error("forward failed");
    return y;
  }
  fvhooks::nn::Linear layer{3, 3};
  bool fails = false;
};
FVHOOKS_MODULE(HalfFailing);

TEST(DeviceStats, AreInTheTraceOfAModelThatThrows) {
  const testing::TemporaryFolder folder;
  TraceConfig config;
  config.enabled = config.root = config.device_path = true;
  config.stats = {Stat::Sum, Stat::Shape};
  config.output = folder / "t";
  HalfFailing model;
  auto trace = attach_activation_trace(model, config);
  const auto y = model(at::ones({2, 3}));
  model->fails = true;
  EXPECT_THROW(model(at::ones({2, 3})), std::runtime_error);
  trace.detach();
  auto reader = *TraceReader::open(folder / "t");
  std::vector<Record> records;
  for (Record record; reader.next(record);) records.push_back(record);
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[1].module, "");
  EXPECT_EQ(records[2].module, "layer");
  for (const auto& record : records) EXPECT_NEAR(*record.number("sum"), y.sum().item<double>(), 1e-5);
}

}  // namespace
}  // namespace fvhooks
