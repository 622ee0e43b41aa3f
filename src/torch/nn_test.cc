// Each layer of fvhooks::nn gives torch's numbers, with and without a hook, and the hook runs.
#include "fvhooks/torch/nn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "torch/test_hooks.h"

namespace fvhooks {
namespace {

using ::testing::ElementsAre;
using torch::Tensor;

std::vector<Tensor> tensors_of(const Tensor& output) { return {output}; }
std::vector<Tensor> tensors_of(const std::tuple<Tensor, Tensor>& outputs) {
  return {std::get<0>(outputs), std::get<1>(outputs)};
}

void copy_parameters(torch::nn::Module& to, const torch::nn::Module& from) {
  const auto parameters = from.named_parameters();
  ASSERT_EQ(to.named_parameters().keys(), parameters.keys());
  for (auto& item : to.named_parameters()) item.value().copy_(parameters[item.key()]);
}

using Forward = std::function<std::vector<Tensor>()>;

// The same random numbers for each.
std::vector<Tensor> seeded(const Forward& forward) {
  torch::manual_seed(1);
  return forward();
}

void expect_equal(const std::vector<Tensor>& outputs, const std::vector<Tensor>& expected) {
  ASSERT_EQ(outputs.size(), expected.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) EXPECT_TRUE(torch::equal(outputs[i], expected[i])) << "output " << i;
}

void compare_calls(torch::nn::Module& ours, torch::nn::Module& torchs, const Forward& call_ours,
                   const Forward& call_torchs) {
  SCOPED_TRACE(ours.name());
  const torch::NoGradGuard guard;
  copy_parameters(ours, torchs);
  const auto expected = seeded(call_torchs);
  expect_equal(seeded(call_ours), expected);
  const auto recorder = std::make_shared<test::Recorder>();
  test::hook(ours, recorder);
  expect_equal(seeded(call_ours), expected);
  EXPECT_THAT(recorder->events(), ElementsAre("Recorder attach", "Recorder pre", "Recorder post"));
}

template <class Ours, class Torchs, class... Inputs>
void expect_torchs_numbers(Ours ours, Torchs torchs, const Inputs&... inputs) {
  compare_calls(
      *ours, *torchs, [&] { return tensors_of(ours(inputs...)); }, [&] { return tensors_of(torchs(inputs...)); });
}

#define EXPECT_TORCHS_NUMBERS(Name, arguments, ...) \
  expect_torchs_numbers(nn::Name arguments, torch::nn::Name arguments, __VA_ARGS__)

Tensor signal() { return torch::randn({2, 4, 8}); }
Tensor image() { return torch::randn({2, 4, 8, 8}); }
Tensor video() { return torch::randn({2, 4, 4, 8, 8}); }

TEST(Layers, LinearAndShapes) {
  const auto x = torch::randn({3, 4});
  EXPECT_TORCHS_NUMBERS(Identity, (), x);
  EXPECT_TORCHS_NUMBERS(Linear, (4, 5), x);
  EXPECT_TORCHS_NUMBERS(Linear, (torch::nn::LinearOptions(4, 5).bias(false)), x);
  EXPECT_TORCHS_NUMBERS(Bilinear, (4, 4, 2), x, x);
  EXPECT_TORCHS_NUMBERS(CosineSimilarity, (), x, x + 1);
  EXPECT_TORCHS_NUMBERS(PairwiseDistance, (), x, x + 1);
  EXPECT_TORCHS_NUMBERS(Flatten, (), image());
  EXPECT_TORCHS_NUMBERS(Unflatten, (torch::nn::UnflattenOptions(1, {2, 2})), image());
  EXPECT_TORCHS_NUMBERS(Functional, ([](const Tensor& in) { return in * 2; }), x);
}

TEST(Layers, Embeddings) {
  const auto rows = torch::tensor({{0, 2}, {1, 3}});
  EXPECT_TORCHS_NUMBERS(Embedding, (4, 3), rows);
  EXPECT_TORCHS_NUMBERS(EmbeddingBag, (4, 3), rows);
  EXPECT_TORCHS_NUMBERS(EmbeddingBag, (4, 3), torch::tensor({0, 2, 1}), torch::tensor({0, 2}));
  const auto table = torch::randn({4, 3});
  EXPECT_TORCHS_NUMBERS(Embedding, ::from_pretrained(table), rows);
  EXPECT_TORCHS_NUMBERS(EmbeddingBag, ::from_pretrained(table), rows);
  EXPECT_TRUE(torch::equal(nn::Embedding::from_pretrained(table)->weight, table));
  EXPECT_FALSE(nn::Embedding::from_pretrained(table)->weight.requires_grad());
}

TEST(Layers, Norms) {
  EXPECT_TORCHS_NUMBERS(LayerNorm, (torch::nn::LayerNormOptions({8})), signal());
  EXPECT_TORCHS_NUMBERS(GroupNorm, (2, 4), image());
  EXPECT_TORCHS_NUMBERS(LocalResponseNorm, (2), image());
  EXPECT_TORCHS_NUMBERS(CrossMapLRN2d, (2), image());
  EXPECT_TORCHS_NUMBERS(BatchNorm1d, (4), signal());
  EXPECT_TORCHS_NUMBERS(BatchNorm2d, (4), image());
  EXPECT_TORCHS_NUMBERS(BatchNorm3d, (4), video());
  EXPECT_TORCHS_NUMBERS(InstanceNorm1d, (4), signal());
  EXPECT_TORCHS_NUMBERS(InstanceNorm2d, (4), image());
  EXPECT_TORCHS_NUMBERS(InstanceNorm3d, (4), video());
}

TEST(Layers, Convolutions) {
  EXPECT_TORCHS_NUMBERS(Conv1d, (4, 2, 3), signal());
  EXPECT_TORCHS_NUMBERS(Conv2d, (torch::nn::Conv2dOptions(4, 2, 3).padding(1).stride(2)), image());
  EXPECT_TORCHS_NUMBERS(Conv3d, (torch::nn::Conv3dOptions(4, 6, {1, 2, 2}).stride({1, 2, 2})), video());
  EXPECT_TORCHS_NUMBERS(ConvTranspose1d, (4, 2, 3), signal());
  EXPECT_TORCHS_NUMBERS(ConvTranspose2d, (torch::nn::ConvTranspose2dOptions(4, 2, 3).stride(2)), image());
  EXPECT_TORCHS_NUMBERS(ConvTranspose2d, (torch::nn::ConvTranspose2dOptions(4, 2, 3).stride(2)), image(),
                        std::vector<std::int64_t>{18, 18});
  EXPECT_TORCHS_NUMBERS(ConvTranspose3d, (4, 2, 2), video());
  EXPECT_TORCHS_NUMBERS(Unfold, (2), image());
  EXPECT_TORCHS_NUMBERS(Fold, (torch::nn::FoldOptions({3, 3}, {2, 2})), torch::randn({1, 8, 4}));
}

TEST(Layers, Activations) {
  const auto x = signal();
  EXPECT_TORCHS_NUMBERS(ReLU, (), x);
  EXPECT_TORCHS_NUMBERS(ReLU6, (), x);
  EXPECT_TORCHS_NUMBERS(LeakyReLU, (), x);
  EXPECT_TORCHS_NUMBERS(PReLU, (), x);
  EXPECT_TORCHS_NUMBERS(RReLU, (), x);
  EXPECT_TORCHS_NUMBERS(ELU, (), x);
  EXPECT_TORCHS_NUMBERS(SELU, (), x);
  EXPECT_TORCHS_NUMBERS(CELU, (), x);
  EXPECT_TORCHS_NUMBERS(GELU, (), x);
  EXPECT_TORCHS_NUMBERS(GELU, (torch::nn::GELUOptions().approximate("tanh")), x);
  EXPECT_TORCHS_NUMBERS(GLU, (), x);
  EXPECT_TORCHS_NUMBERS(SiLU, (), x);
  EXPECT_TORCHS_NUMBERS(Mish, (), x);
  EXPECT_TORCHS_NUMBERS(Sigmoid, (), x);
  EXPECT_TORCHS_NUMBERS(LogSigmoid, (), x);
  EXPECT_TORCHS_NUMBERS(Tanh, (), x);
  EXPECT_TORCHS_NUMBERS(Tanhshrink, (), x);
  EXPECT_TORCHS_NUMBERS(Hardtanh, (), x);
  EXPECT_TORCHS_NUMBERS(Hardshrink, (), x);
  EXPECT_TORCHS_NUMBERS(Softplus, (), x);
  EXPECT_TORCHS_NUMBERS(Softshrink, (), x);
  EXPECT_TORCHS_NUMBERS(Softsign, (), x);
  EXPECT_TORCHS_NUMBERS(Softmax, (-1), x);
  EXPECT_TORCHS_NUMBERS(Softmax2d, (), image());
  EXPECT_TORCHS_NUMBERS(LogSoftmax, (-1), x);
  EXPECT_TORCHS_NUMBERS(Softmin, (-1), x);
  EXPECT_TORCHS_NUMBERS(Threshold, (0.1, 20), x);
}

TEST(Layers, DropoutsWithTheSameSeed) {
  EXPECT_TORCHS_NUMBERS(Dropout, (0.5), signal());
  EXPECT_TORCHS_NUMBERS(Dropout2d, (0.5), image());
  EXPECT_TORCHS_NUMBERS(Dropout3d, (0.5), video());
  EXPECT_TORCHS_NUMBERS(AlphaDropout, (0.5), signal());
  EXPECT_TORCHS_NUMBERS(FeatureAlphaDropout, (0.5), image());
}

TEST(Layers, Pools) {
  EXPECT_TORCHS_NUMBERS(AvgPool1d, (2), signal());
  EXPECT_TORCHS_NUMBERS(AvgPool2d, (2), image());
  EXPECT_TORCHS_NUMBERS(AvgPool3d, (2), video());
  EXPECT_TORCHS_NUMBERS(MaxPool1d, (2), signal());
  EXPECT_TORCHS_NUMBERS(MaxPool2d, (2), image());
  EXPECT_TORCHS_NUMBERS(MaxPool3d, (2), video());
  EXPECT_TORCHS_NUMBERS(AdaptiveAvgPool1d, (2), signal());
  EXPECT_TORCHS_NUMBERS(AdaptiveAvgPool2d, (2), image());
  EXPECT_TORCHS_NUMBERS(AdaptiveAvgPool3d, (2), video());
  EXPECT_TORCHS_NUMBERS(AdaptiveMaxPool1d, (2), signal());
  EXPECT_TORCHS_NUMBERS(AdaptiveMaxPool2d, (2), image());
  EXPECT_TORCHS_NUMBERS(AdaptiveMaxPool3d, (2), video());
  EXPECT_TORCHS_NUMBERS(FractionalMaxPool2d, (torch::nn::FractionalMaxPool2dOptions(2).output_size(3)), image());
  EXPECT_TORCHS_NUMBERS(FractionalMaxPool3d, (torch::nn::FractionalMaxPool3dOptions(2).output_size(2)), video());
  EXPECT_TORCHS_NUMBERS(LPPool1d, (2, 2), signal());
  EXPECT_TORCHS_NUMBERS(LPPool2d, (2, 2), image());
  EXPECT_TORCHS_NUMBERS(LPPool3d, (2, 2), video());
}

TEST(Layers, Unpools) {
  const auto [signals, signal_places] = nn::MaxPool1d(2)->forward_with_indices(signal());
  EXPECT_TORCHS_NUMBERS(MaxUnpool1d, (2), signals, signal_places);
  const auto [images, image_places] = nn::MaxPool2d(2)->forward_with_indices(image());
  EXPECT_TORCHS_NUMBERS(MaxUnpool2d, (2), images, image_places);
  const auto [videos, video_places] = nn::MaxPool3d(2)->forward_with_indices(video());
  EXPECT_TORCHS_NUMBERS(MaxUnpool3d, (2), videos, video_places);
}

TEST(Layers, UpsamplingAndPadding) {
  EXPECT_TORCHS_NUMBERS(Upsample, (torch::nn::UpsampleOptions().scale_factor(std::vector<double>{2, 2})), image());
  EXPECT_TORCHS_NUMBERS(PixelShuffle, (2), image());
  EXPECT_TORCHS_NUMBERS(PixelUnshuffle, (2), image());
  EXPECT_TORCHS_NUMBERS(ReflectionPad1d, (1), signal());
  EXPECT_TORCHS_NUMBERS(ReflectionPad2d, (1), image());
  EXPECT_TORCHS_NUMBERS(ReflectionPad3d, (1), video());
  EXPECT_TORCHS_NUMBERS(ReplicationPad1d, (1), signal());
  EXPECT_TORCHS_NUMBERS(ReplicationPad2d, (1), image());
  EXPECT_TORCHS_NUMBERS(ReplicationPad3d, (1), video());
  EXPECT_TORCHS_NUMBERS(ZeroPad1d, (1), signal());
  EXPECT_TORCHS_NUMBERS(ZeroPad2d, (1), image());
  EXPECT_TORCHS_NUMBERS(ZeroPad3d, (1), video());
  EXPECT_TORCHS_NUMBERS(ConstantPad1d, (1, 0.5), signal());
  EXPECT_TORCHS_NUMBERS(ConstantPad2d, (1, 0.5), image());
  EXPECT_TORCHS_NUMBERS(ConstantPad3d, (1, 0.5), video());
}

TEST(Layers, MultiheadAttention) {
  const auto x = torch::randn({3, 2, 4});
  EXPECT_TORCHS_NUMBERS(MultiheadAttention, (4, 2), x, x, x);
  EXPECT_TORCHS_NUMBERS(MultiheadAttention, (4, 2), x, x, x, Tensor(), true, torch::randn({3, 3}), false);
}

TORCH_MODULE_IMPL(PlainRMSNorm, internal::RMSNormImpl);

TEST(RMSNorm, IsHookable) {
  const nn::RMSNormOptions options(8);
  expect_torchs_numbers(nn::RMSNorm(options), PlainRMSNorm(options), signal());
}

TEST(RMSNorm, IsWhatTheFormulaSays) {
  const auto x = torch::randn({3, 8}, torch::kFloat64);
  nn::RMSNorm norm(nn::RMSNormOptions(std::vector<std::int64_t>{8}).eps(1e-6));
  norm->to(torch::kFloat64);
  {
    torch::NoGradGuard guard;
    norm->weight.copy_(torch::rand({8}));
  }
  const auto expected = x / torch::sqrt(x.pow(2).mean(-1, true) + 1e-6) * norm->weight;
  EXPECT_TRUE(torch::allclose(norm(x), expected, 1e-12));
  nn::RMSNorm bare(nn::RMSNormOptions(8).elementwise_affine(false));
  EXPECT_TRUE(bare->parameters().empty());
  EXPECT_TRUE(torch::allclose(bare(x), x / torch::sqrt(x.pow(2).mean(-1, true) + 2.220446049250313e-16)));
  EXPECT_TRUE(torch::equal(std::dynamic_pointer_cast<nn::RMSNormImpl>(norm->clone())->weight, norm->weight));
}

}  // namespace
}  // namespace fvhooks
