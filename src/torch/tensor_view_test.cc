#include "fvhooks/torch/tensor_view.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fvhooks/stats.h"

namespace fvhooks {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

double sum_of(const at::Tensor& tensor) {
  const HostTensor host(tensor);
  if (!host.view()) throw std::logic_error(host.reason());
  return tensor_stats(*host.view(), 0, nullptr).sum;
}

TEST(HostTensor, ViewsTheTensorsOwnMemory) {
  const auto tensor = at::arange(6, at::kFloat).view({2, 3}).t();
  const HostTensor host(tensor);
  ASSERT_NE(host.view(), nullptr);
  EXPECT_EQ(host.view()->data, tensor.const_data_ptr());
  EXPECT_THAT(host.view()->sizes, ElementsAre(3, 2));
  EXPECT_THAT(host.view()->strides, ElementsAre(1, 3));
  EXPECT_EQ(host.view()->dtype, DType::Float32);
  EXPECT_TRUE(host.reason().empty());
}

TEST(HostTensor, StartsAtTheStorageOffset) { EXPECT_EQ(sum_of(at::arange(10, at::kLong).slice(0, 7)), 24); }

TEST(HostTensor, EveryDTypeThatIsReadHasTorchsName) {
  for (const auto type :
       {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kFloat8_e4m3fn, at::kFloat8_e5m2, at::kLong, at::kInt,
        at::kShort, at::kChar, at::kByte, at::kBool, at::kComplexHalf, at::kComplexFloat, at::kComplexDouble}) {
    const HostTensor host(at::zeros({2}, type));
    ASSERT_NE(host.view(), nullptr) << type;
    EXPECT_EQ(host.dtype_name(), torch_name(host.view()->dtype));
    EXPECT_EQ(item_size(host.view()->dtype), c10::elementSize(type));
  }
  EXPECT_EQ(torch_dtype_name(at::kFloat8_e4m3fn), "torch.float8_e4m3fn");
}

TEST(HostTensor, CarriesLazyConjugationAndNegation) {
  const auto tensor = at::complex(at::ones({2}), at::full({2}, 3.0));
  const HostTensor conjugate(tensor.conj());
  ASSERT_NE(conjugate.view(), nullptr);
  EXPECT_TRUE(conjugate.view()->conjugate);
  EXPECT_TRUE(tensor.conj().is_conj());
  const auto imaginary = at::imag(tensor.conj());
  ASSERT_TRUE(imaginary.is_neg());
  EXPECT_EQ(sum_of(imaginary), -6);
}

TEST(HostTensor, RecordsNothingForAutograd) {
  auto tensor = at::ones({2}).requires_grad_();
  EXPECT_EQ(sum_of(tensor * 2), 4);
  EXPECT_FALSE(tensor.grad().defined());
}

TEST(HostTensor, SaysWhyItCannotBeRead) {
  const auto reason = [](const at::Tensor& tensor) {
    const HostTensor host(tensor);
    EXPECT_EQ(host.view(), nullptr);
    return host.reason();
  };
  const auto meta = at::zeros({2, 3}, at::device(at::kMeta));
  EXPECT_EQ(reason(meta), "a meta tensor has no values");
  EXPECT_THAT(HostTensor(meta).sizes(), ElementsAre(2, 3));
  EXPECT_THAT(reason(at::eye(3).to_sparse()), HasSubstr("sparse"));
  EXPECT_EQ(reason(at::quantize_per_tensor(at::ones({2}), 0.1, 0, at::kQInt8)), "torch.qint8 is not read");
  EXPECT_EQ(reason(at::zeros({2}, at::kUInt16)), "torch.uint16 is not read");
  auto freed = at::ones({4});
  freed.storage().unsafeGetStorageImpl()->set_nbytes(0);
  EXPECT_EQ(reason(freed), "its storage was freed");
}

TEST(HostTensor, EmptyAndScalarTensorsAreViews) {
  EXPECT_NE(HostTensor(at::empty({0, 3})).view(), nullptr);
  EXPECT_EQ(sum_of(at::scalar_tensor(3.5)), 3.5);
}

}  // namespace
}  // namespace fvhooks
