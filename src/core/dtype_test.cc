#include "fvhooks/dtype.h"

#include <gtest/gtest.h>

namespace fvhooks {
namespace {

TEST(DType, NamesAreTorchsAndReadBack) {
  for (int i = 0; i <= static_cast<int>(DType::Complex128); ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_TRUE(torch_name(dtype).starts_with("torch."));
    EXPECT_EQ(dtype_from_torch_name(torch_name(dtype)), dtype);
  }
  EXPECT_EQ(torch_name(DType::Float8E4M3FN), "torch.float8_e4m3fn");
  EXPECT_EQ(dtype_from_torch_name("torch.float33"), std::nullopt);
}

TEST(DType, SizesAndKinds) {
  EXPECT_EQ(item_size(DType::BFloat16), 2U);
  EXPECT_EQ(item_size(DType::Complex128), 16U);
  EXPECT_TRUE(is_integral(DType::Bool));
  EXPECT_FALSE(is_integral(DType::Float8E5M2));
  EXPECT_TRUE(is_complex(DType::Complex32));
  EXPECT_EQ(epsilon(DType::BFloat16), 0.0078125);
  EXPECT_EQ(epsilon(DType::Int64), 0);
}

}  // namespace
}  // namespace fvhooks
