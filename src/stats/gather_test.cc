#include "stats/gather.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "stats/test_tensor.h"

namespace fvhooks::internal {
namespace {

using Dimensions = std::vector<Dimension>;

Dimensions coalesced_of(std::vector<std::int64_t> sizes, std::vector<std::int64_t> strides) {
  return coalesced(sizes, strides);
}

TEST(Coalesced, JoinsWhatContinues) {
  EXPECT_EQ(coalesced_of({2, 3, 4}, {12, 4, 1}), (Dimensions{{24, 1}}));
  EXPECT_EQ(coalesced_of({2, 3, 4}, {24, 4, 1}), (Dimensions{{2, 24}, {12, 1}}));
  EXPECT_EQ(coalesced_of({4, 3}, {1, 4}), (Dimensions{{4, 1}, {3, 4}}));
  EXPECT_EQ(coalesced_of({5, 5}, {0, 0}), (Dimensions{{25, 0}}));
  EXPECT_EQ(coalesced_of({5, 5}, {-5, -1}), (Dimensions{{25, -1}}));
}

TEST(Coalesced, DropsDimensionsOfSizeOneWhateverTheirStride) {
  EXPECT_EQ(coalesced_of({2, 1, 3}, {3, 999, 1}), (Dimensions{{6, 1}}));
  EXPECT_EQ(coalesced_of({1, 1}, {7, 7}), Dimensions{});
  EXPECT_EQ(coalesced_of({}, {}), Dimensions{});
}

TEST(Gather, CopiesNothingOfAContiguousTensor) {
  std::vector<float> values(5000);
  const test::TestTensor tensor = test::with_sizes(test::tensor_of(values), {50, 100});
  Gather::Scratch scratch;
  EXPECT_EQ(Gather(tensor.view()).tile(1024, kTile, scratch), tensor.bytes.data() + 4096);
}

TEST(Gather, ReadsAColumnBackwards) {
  std::vector<std::int32_t> values(12);
  std::iota(values.begin(), values.end(), 0);
  test::TestTensor tensor = test::tensor_of(DType::Int32, values);
  tensor.sizes = {3};
  tensor.strides = {-4};
  tensor.offset = 9;
  Gather::Scratch scratch;
  std::int32_t found[3];
  std::memcpy(found, Gather(tensor.view()).tile(0, 3, scratch), sizeof(found));
  EXPECT_EQ(std::vector(found, found + 3), (std::vector<std::int32_t>{9, 5, 1}));
}

// The elements' own numbers, by the tiles of a tensor whose rows' neighbours in memory are in the next row.
void expect_row_major_order(std::int64_t planes, std::int64_t rows, std::int64_t columns) {
  std::vector<std::int32_t> values(static_cast<std::size_t>(planes * rows * columns));
  for (std::int64_t i = 0; i < std::ssize(values); ++i) {
    const std::int64_t plane = i / (rows * columns), column = i / rows % columns, row = i % rows;
    values[static_cast<std::size_t>(i)] = static_cast<std::int32_t>((plane * rows + row) * columns + column);
  }
  test::TestTensor tensor = test::tensor_of(DType::Int32, values);
  tensor.sizes = {planes, rows, columns};
  tensor.strides = {rows * columns, 1, rows};
  const TensorView view = tensor.view();
  const Gather gather(view);
  Gather::Scratch scratch;
  std::vector<std::int32_t> found(values.size()), expected(values.size());
  for (std::size_t first = 0; first < found.size(); first += kTile) {
    const std::size_t count = std::min(kTile, found.size() - first);
    std::memcpy(found.data() + first, gather.tile(first, count, scratch), count * sizeof(std::int32_t));
  }
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(found, expected) << planes << " planes of " << rows << " rows of " << columns;
}

TEST(Gather, ReadsTransposedTensorsOfAnySizeInOrder) {
  expect_row_major_order(1, 300, 700);    // several rows a band, the last of them in part
  expect_row_major_order(40, 7, 501);     // bands that go on in the next plane
  expect_row_major_order(3, 5, 40'000);   // rows longer than half a band
  expect_row_major_order(2, 100'000, 1);  // one column
  expect_row_major_order(2, 20'000, 3);
}

TEST(Element, OfEveryHalfAndFloat8IsItsFormula) {
  const auto by_formula = [](unsigned bits, int exponent_bits, int mantissa_bits) {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = static_cast<int>(bits >> mantissa_bits & ((1u << exponent_bits) - 1));
    const int mantissa = static_cast<int>(bits & ((1u << mantissa_bits) - 1));
    const double sign = bits >> (exponent_bits + mantissa_bits) ? -1 : 1;
    if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
    return sign * std::ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
  };
  const auto expect_special = [](unsigned mantissa, unsigned negative, float found) {
    EXPECT_TRUE(mantissa == 0 ? std::isinf(found) : std::isnan(found));
    if (mantissa == 0) {
      EXPECT_EQ(std::signbit(found), negative != 0);
    }
  };
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const float found = element(Half{static_cast<std::uint16_t>(bits)});
    if ((bits & 0x7C00) == 0x7C00) {
      expect_special(bits & 0x3FF, bits & 0x8000, found);
    } else {
      ASSERT_EQ(found, by_formula(bits, 5, 10)) << bits;
      ASSERT_EQ(std::signbit(found), bits >> 15 == 1) << bits;
    }
  }
  for (unsigned bits = 0; bits < 256; ++bits) {
    const float e5m2 = element(Float8E5M2{static_cast<std::uint8_t>(bits)});
    if ((bits & 0x7C) == 0x7C) {
      expect_special(bits & 3, bits & 0x80, e5m2);
    } else {
      ASSERT_EQ(e5m2, by_formula(bits, 5, 2)) << bits;
    }
    const float e4m3 = element(Float8E4M3FN{static_cast<std::uint8_t>(bits)});
    if ((bits & 0x7F) == 0x7F) {
      EXPECT_TRUE(std::isnan(e4m3));
    } else {
      ASSERT_EQ(e4m3, by_formula(bits, 4, 3)) << bits;
    }
  }
}

}  // namespace
}  // namespace fvhooks::internal
