#include "fvhooks/tensor_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

namespace fvhooks {
namespace {

using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class Element>
struct Owned {
  std::vector<Element> data;
  DType dtype;
  std::vector<std::int64_t> sizes, strides;

  Owned(DType type, std::vector<std::int64_t> shape, std::vector<Element> values = {})
      : data(std::move(values)), dtype(type), sizes(std::move(shape)), strides(sizes.size(), 1) {
    std::int64_t elements = 1;
    for (auto i = sizes.size(); i-- > 0; elements *= sizes[i]) strides[i] = elements;
    data.resize(static_cast<std::size_t>(elements) * (is_complex(type) ? 2 : 1));
  }
  TensorView view() const { return {data.data(), dtype, sizes, strides}; }
};

using Floats = Owned<float>;
using Doubles = Owned<double>;

Floats counting(std::vector<std::int64_t> sizes) {
  Floats tensor(DType::Float32, std::move(sizes));
  std::iota(tensor.data.begin(), tensor.data.end(), 1.0f);
  return tensor;
}

TEST(TensorDiff, OfEqualTensorsThereIsNone) {
  const auto tensor = counting({2, 3});
  const auto diff = diff_tensors(tensor.view(), tensor.view()).value();
  EXPECT_EQ(diff.elements, 6U);
  EXPECT_EQ(diff.differing, 0U);
  EXPECT_EQ(diff.relative_l2, 0.0);
  EXPECT_EQ(diff.max_abs, 0.0);
  EXPECT_FALSE(diff.worst);
  EXPECT_DOUBLE_EQ(*diff.cosine, 1.0);
  EXPECT_THAT(diff.ulps, ElementsAre(6));
  for (const auto& axis : diff.axes) EXPECT_THAT(axis.errors, Each(0.0));
}

TEST(TensorDiff, PointsAtTheWorstElement) {
  const auto a = counting({3, 4, 5});
  auto b = a;
  b.data[27] += 2;
  b.data[33] -= 10;
  b.data[58] += 10;
  const auto diff = diff_tensors(a.view(), b.view()).value();
  EXPECT_EQ(diff.differing, 3U);
  EXPECT_EQ(diff.max_abs, 10);
  ASSERT_TRUE(diff.worst);
  EXPECT_THAT(diff.worst->index, ElementsAre(1, 2, 3));
  EXPECT_EQ(diff.worst->reference, 34);
  EXPECT_EQ(diff.worst->port, 24);
}

TEST(TensorDiff, OneWrongChannelStandsOutAlongItsAxis) {
  const auto a = counting({4, 8, 100});
  auto b = a;
  for (std::size_t row = 0; row < 32; ++row) b.data[row * 100 + 17] += 5;
  const auto diff = diff_tensors(a.view(), b.view()).value();
  EXPECT_EQ(diff.axes[2].worst(), 17);
  EXPECT_EQ(std::ranges::count(diff.axes[2].errors, 0.0), 99);
  for (const auto axis : {0U, 1U}) EXPECT_THAT(diff.axes[axis].errors, Each(DoubleNear(diff.relative_l2, 1e-12)));
  ASSERT_TRUE(diff.map);
  EXPECT_EQ(diff.map->row_axis, 1U);
  EXPECT_EQ(diff.map->column_axis, 2U);
  EXPECT_EQ(diff.map->columns, 50U);
  for (std::size_t i = 0; i < diff.map->errors.size(); ++i) EXPECT_EQ(diff.map->errors[i] > 0, i % 50 == 8) << i;
}

// Whatever the parts: the mean of their squares is the square of the whole.
RC_GTEST_PROP(TensorDiff, PartsAddUpToTheWhole, ()) {
  const auto rank = *rc::gen::inRange<std::size_t>(0, 4);
  auto sizes = *rc::gen::container<std::vector<std::int64_t>>(rank, rc::gen::inRange<std::int64_t>(1, 9));
  if (rank > 0 && *rc::gen::arbitrary<bool>()) sizes[*rc::gen::inRange<std::size_t>(0, rank)] = 5000;
  const auto a = counting(sizes);
  auto b = a;
  for (int changes = *rc::gen::inRange(1, 20); changes > 0; --changes)
    b.data[*rc::gen::inRange<std::size_t>(0, b.data.size())] += 3.5f;
  const auto diff = diff_tensors(a.view(), b.view()).value();
  const auto expected = diff.relative_l2 * diff.relative_l2;
  RC_ASSERT(diff.axes.size() == rank);
  for (const auto& axis : diff.axes) {
    double sum = 0;
    for (std::size_t i = 0; i < axis.errors.size(); ++i) {
      const auto indices = std::min(axis.width, axis.size - static_cast<std::int64_t>(i) * axis.width);
      sum += axis.errors[i] * axis.errors[i] * static_cast<double>(indices) / static_cast<double>(axis.size);
    }
    RC_ASSERT(std::abs(sum - expected) <= 1e-9 * expected);
  }
}

TEST(TensorDiff, LongAxesAreInParts) {
  const Floats a(DType::Float32, {10000}, std::vector<float>(10000, 1.0f));
  auto b = a;
  b.data[9999] = 2;
  const auto diff = diff_tensors(a.view(), b.view()).value();
  EXPECT_EQ(diff.axes[0].width, 3);
  EXPECT_EQ(diff.axes[0].errors.size(), 3334U);
  EXPECT_EQ(diff.axes[0].worst(), 9999);
  EXPECT_DOUBLE_EQ(diff.axes[0].errors.back(), 1.0);
  EXPECT_FALSE(diff.map);
}

TEST(TensorDiff, WhatIsNotFiniteIsCountedAndLeftOut) {
  const Doubles a(DType::Float64, {6}, {kNaN, kInfinity, 1, kInfinity, kNaN, 2});
  const Doubles b(DType::Float64, {6}, {kNaN, kInfinity, kNaN, -kInfinity, kInfinity, 3});
  const auto diff = diff_tensors(a.view(), b.view()).value();
  EXPECT_EQ(diff.non_finite_mismatches, 3U);
  EXPECT_EQ(diff.differing, 4U);
  ASSERT_TRUE(diff.first_non_finite);
  EXPECT_THAT(diff.first_non_finite->index, ElementsAre(2));
  EXPECT_DOUBLE_EQ(diff.relative_l2, 0.5);
  EXPECT_THAT(diff.worst->index, ElementsAre(5));
  EXPECT_EQ(std::accumulate(diff.ulps.begin(), diff.ulps.end(), std::uint64_t{0}), 1U);
}

TEST(TensorDiff, ZeroAgainstSomethingIsInfinitelyFar) {
  const Floats zero(DType::Float32, {2});
  const auto diff = diff_tensors(zero.view(), counting({2}).view()).value();
  EXPECT_EQ(diff.relative_l2, kInfinity);
  EXPECT_FALSE(diff.cosine);
  EXPECT_EQ(diff_tensors(zero.view(), zero.view()).value().relative_l2, 0.0);
}

TEST(TensorDiff, LargeIntegersAreNotRounded) {
  const auto far = std::int64_t{1} << 60;
  const Owned<std::int64_t> a(DType::Int64, {2}, {far, std::numeric_limits<std::int64_t>::min()});
  const Owned<std::int64_t> b(DType::Int64, {2}, {far + 1, std::numeric_limits<std::int64_t>::max()});
  const auto diff = diff_tensors(a.view(), b.view()).value();
  EXPECT_EQ(diff.differing, 2U);
  EXPECT_EQ(diff.max_abs, 0x1p64);
  EXPECT_EQ(diff.ulps[2], 1U);
}

TEST(TensorDiff, ComplexNumbersHaveAnAxisOfTheirParts) {
  const Floats a(DType::Complex64, {2}, {1, 2, 3, 4});
  auto b = a;
  b.data[3] = 5;
  const auto diff = diff_tensors(a.view(), b.view()).value();
  EXPECT_THAT(diff.sizes, ElementsAre(2, 2));
  EXPECT_THAT(diff.worst->index, ElementsAre(1, 1));
  EXPECT_EQ(diff.axes[1].worst(), 1);
  EXPECT_FALSE(diff_tensors(a.view(), Floats(DType::Float32, {2}).view()));
}

TEST(TensorDiff, OtherDtypesAreComparedInTheNarrowerOne) {
  const Floats a(DType::Float32, {2}, {1.0f, 1.0f + 0x1p-9f});
  const Owned<std::uint16_t> b(DType::BFloat16, {2}, {0x3F80, 0x3F80});  // 1
  const auto diff = diff_tensors(a.view(), b.view()).value();
  EXPECT_EQ(diff.ulp_dtype, DType::BFloat16);
  EXPECT_THAT(diff.ulps, ElementsAre(1, 1));
}

TEST(TensorDiff, EmptyAndZeroDimensionalTensorsAreTensors) {
  const auto empty = diff_tensors(Floats(DType::Float32, {3, 0}).view(), Floats(DType::Float32, {3, 0}).view()).value();
  EXPECT_EQ(empty.elements, 0U);
  EXPECT_EQ(empty.relative_l2, 0.0);
  EXPECT_THAT(empty.ulps, IsEmpty());
  const auto scalar = diff_tensors(counting({}).view(), Floats(DType::Float32, {}, {3}).view()).value();
  EXPECT_EQ(scalar.relative_l2, 2.0);
  EXPECT_THAT(scalar.worst->index, IsEmpty());
}

TEST(TensorDiff, OtherShapesAreAnError) {
  const auto diff = diff_tensors(counting({2, 3}).view(), counting({3, 2}).view());
  ASSERT_FALSE(diff);
  EXPECT_THAT(diff.error().message, HasSubstr("shape [2, 3] in the reference, [3, 2] in the port"));
}

TEST(TensorDiff, AStridedTensorIsReadInItsLogicalOrder) {
  const auto a = counting({2, 3});
  Floats transposed(DType::Float32, {2, 3}, {1, 4, 2, 5, 3, 6});
  transposed.strides = {1, 2};
  EXPECT_EQ(diff_tensors(a.view(), transposed.view()).value().differing, 0U);
}

}  // namespace
}  // namespace fvhooks
