// The same logical tensor gives the same bits, whatever its layout.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <random>

#include "stats/test_tensor.h"

namespace fvhooks {
namespace {

test::TestTensor random_storage(DType dtype, std::size_t elements, std::uint64_t seed) {
  test::TestTensor tensor;
  tensor.dtype = dtype;
  tensor.bytes.resize(elements * item_size(dtype));
  std::mt19937_64 random(seed);
  for (std::byte& byte : tensor.bytes) byte = static_cast<std::byte>(random() & 0xBF);  // fewer NaNs, some remain
  return tensor;
}

void expect_bits_of_the_copy(const test::TestTensor& tensor) {
  EXPECT_EQ(test::outcome(tensor), test::outcome(test::contiguous_copy(tensor)));
}

class Layout : public testing::TestWithParam<DType> {
 protected:
  test::TestTensor tensor_ = random_storage(GetParam(), 6 * 20 * 30, 1);
  void lie(std::vector<std::int64_t> sizes, std::vector<std::int64_t> strides, std::int64_t offset = 0) {
    tensor_.sizes = std::move(sizes);
    tensor_.strides = std::move(strides);
    tensor_.offset = offset;
    expect_bits_of_the_copy(tensor_);
  }
};

TEST_P(Layout, Transposed) { lie({30, 20, 6}, {1, 30, 600}); }
TEST_P(Layout, ChannelsLast) { lie({6, 30, 20}, {600, 1, 30}); }
TEST_P(Layout, EverySecondColumn) { lie({6, 20, 15}, {600, 30, 2}); }
TEST_P(Layout, SlicedRows) { lie({6, 7, 30}, {600, 30, 1}, 90); }
TEST_P(Layout, ExpandedAcrossRows) { lie({50, 60}, {0, 1}); }
TEST_P(Layout, ExpandedAcrossColumns) { lie({60, 50}, {1, 0}); }
TEST_P(Layout, OneElementExpandedToAll) { lie({3, 1000}, {0, 0}, 5); }
TEST_P(Layout, Flipped) { lie({6, 600}, {-600, -1}, 3599); }
TEST_P(Layout, OverlappingWindows) { lie({1000, 8}, {3, 1}); }

TEST_P(Layout, TransposedAndLargerThanIsGatheredAtOnce) {
  tensor_ = random_storage(GetParam(), 300 * 700, 2);
  tensor_.conjugate = is_complex(GetParam());
  lie({300, 700}, {1, 300});
}

TEST_P(Layout, AtAnyByteAddress) {
  lie({3000}, {1});
  test::TestTensor shifted = tensor_;
  shifted.bytes.insert(shifted.bytes.begin(), std::byte{0});
  TensorView view = shifted.view();
  view.data = shifted.bytes.data() + 1;
  EXPECT_EQ(test::outcome(view), test::outcome(tensor_));
}

INSTANTIATE_TEST_SUITE_P(EveryDType, Layout, testing::ValuesIn(test::kEveryDType),
                         [](const auto& param_info) { return std::string(torch_name(param_info.param).substr(6)); });

RC_GTEST_PROP(LayoutProperty, AnySizesAndStridesGiveTheBitsOfTheCopy, ()) {
  const auto rank = *rc::gen::inRange<std::size_t>(0, 6);
  test::TestTensor tensor = random_storage(
      *rc::gen::elementOf(std::vector<DType>(std::begin(test::kEveryDType), std::end(test::kEveryDType))), 1, 0);
  std::int64_t low = 0, high = 0;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    tensor.sizes.push_back(*rc::gen::weightedOneOf<std::int64_t>(
        {{9, rc::gen::inRange<std::int64_t>(1, 9)}, {1, rc::gen::just<std::int64_t>(0)}}));
    tensor.strides.push_back(*rc::gen::inRange<std::int64_t>(-40, 41));
    const std::int64_t reach = std::max<std::int64_t>(tensor.sizes.back() - 1, 0) * tensor.strides.back();
    (reach < 0 ? low : high) += reach;
  }
  tensor.offset = -low;
  tensor.bytes =
      random_storage(tensor.dtype, static_cast<std::size_t>(high - low + 1), *rc::gen::arbitrary<std::uint64_t>())
          .bytes;
  tensor.conjugate = is_complex(tensor.dtype) && *rc::gen::arbitrary<bool>();
  RC_ASSERT(test::outcome(tensor) == test::outcome(test::contiguous_copy(tensor)));
}

}  // namespace
}  // namespace fvhooks
