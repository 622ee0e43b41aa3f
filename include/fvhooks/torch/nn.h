#pragma once
// torch::nn with hookable layers, by the same names: a model ports by `namespace nn = fvhooks::nn;`. Torch's own, and
// so without hooks, stay
//   RNN, LSTM, GRU and their cells, Transformer with its encoder and decoder, AdaptiveLogSoftmaxWithLoss, all losses;
//   what has no forward: Module, Cloneable, ModuleHolder, ModuleList, ModuleDict, ParameterList, ParameterDict;
//   options, functional, init, utils, parallel;
//   a MaxPool's forward_with_indices, which is not its forward.
// RMSNorm is here although torch has none.
// `fvhooks::nn::LinearImpl` derives from `torch::nn::LinearImpl` and is final: derive from the latter.
// Write names qualified (nn::Linear): under `using namespace fvhooks::nn` torch's Linear would be visible as well.
#include <torch/nn.h>

#include "fvhooks/torch/instrumented.h"
#include "fvhooks/torch/rms_norm.h"
#ifndef FVHOOKS_DISABLE
#include "fvhooks/torch/containers.h"
#endif

namespace fvhooks::nn {

using namespace torch::nn;  // NOLINT: only for qualified names that are not found below

#ifdef FVHOOKS_DISABLE

using internal::RMSNormImpl;
TORCH_MODULE(RMSNorm);

#else

// A holder that has torch's from_pretrained too.
#define FVHOOKS_EMBEDDING_HOLDER(Name)                                                        \
  class Name : public torch::nn::ModuleHolder<Name##Impl> {                                   \
   public:                                                                                    \
    using torch::nn::ModuleHolder<Name##Impl>::ModuleHolder;                                  \
    static Name from_pretrained(const torch::Tensor& embeddings,                              \
                                const torch::nn::Name##FromPretrainedOptions& options = {}) { \
      auto plain = torch::nn::Name::from_pretrained(embeddings, options);                     \
      return Name(std::make_shared<Name##Impl>(internal::Adopt{}, std::move(*plain)));        \
    }                                                                                         \
  }

#define FVHOOKS_LAYER(Name) FVHOOKS_LAYER_OF(Name, torch::nn::Name##Impl)
#define FVHOOKS_LAYER_OF(Name, ImplType)                                \
  struct Name##Impl final : public Instrumented<ImplType, Name##Impl> { \
    using Instrumented::Instrumented;                                   \
  };                                                                    \
  TORCH_MODULE(Name)
#define FVHOOKS_LAYER_FORWARD(Name, parameters, names)                              \
  FVHOOKS_INSTRUMENT_FORWARD(Name##Impl, torch::nn::Name##Impl, parameters, names); \
  TORCH_MODULE(Name)

FVHOOKS_LAYER(Identity);
FVHOOKS_LAYER(Linear);
FVHOOKS_LAYER(Bilinear);
FVHOOKS_LAYER(Flatten);
FVHOOKS_LAYER(Unflatten);
FVHOOKS_LAYER(Functional);
FVHOOKS_LAYER(CosineSimilarity);
FVHOOKS_LAYER(PairwiseDistance);

struct EmbeddingImpl final : public Instrumented<torch::nn::EmbeddingImpl, EmbeddingImpl> {
  using Instrumented::Instrumented;
};
FVHOOKS_EMBEDDING_HOLDER(Embedding);
FVHOOKS_INSTRUMENT_FORWARD(EmbeddingBagImpl, torch::nn::EmbeddingBagImpl,
                           (const torch::Tensor& input, const torch::Tensor& offsets = {},
                            const torch::Tensor& per_sample_weights = {}),
                           (input, offsets, per_sample_weights));
FVHOOKS_EMBEDDING_HOLDER(EmbeddingBag);

FVHOOKS_LAYER(LayerNorm);
FVHOOKS_LAYER_OF(RMSNorm, internal::RMSNormImpl);
FVHOOKS_LAYER(GroupNorm);
FVHOOKS_LAYER(LocalResponseNorm);
FVHOOKS_LAYER(CrossMapLRN2d);
FVHOOKS_LAYER(BatchNorm1d);
FVHOOKS_LAYER(BatchNorm2d);
FVHOOKS_LAYER(BatchNorm3d);
FVHOOKS_LAYER(InstanceNorm1d);
FVHOOKS_LAYER(InstanceNorm2d);
FVHOOKS_LAYER(InstanceNorm3d);

FVHOOKS_LAYER(Conv1d);
FVHOOKS_LAYER(Conv2d);
FVHOOKS_LAYER(Conv3d);
#define FVHOOKS_OUTPUT_SIZE \
  (const torch::Tensor& input, const std::optional<at::IntArrayRef>& output_size = std::nullopt)
FVHOOKS_LAYER_FORWARD(ConvTranspose1d, FVHOOKS_OUTPUT_SIZE, (input, output_size));
FVHOOKS_LAYER_FORWARD(ConvTranspose2d, FVHOOKS_OUTPUT_SIZE, (input, output_size));
FVHOOKS_LAYER_FORWARD(ConvTranspose3d, FVHOOKS_OUTPUT_SIZE, (input, output_size));
#undef FVHOOKS_OUTPUT_SIZE
FVHOOKS_LAYER(Fold);
FVHOOKS_LAYER(Unfold);

FVHOOKS_LAYER(ReLU);
FVHOOKS_LAYER(ReLU6);
FVHOOKS_LAYER(LeakyReLU);
FVHOOKS_LAYER(PReLU);
FVHOOKS_LAYER(RReLU);
FVHOOKS_LAYER(ELU);
FVHOOKS_LAYER(SELU);
FVHOOKS_LAYER(CELU);
FVHOOKS_LAYER(GELU);
FVHOOKS_LAYER(GLU);
FVHOOKS_LAYER(SiLU);
FVHOOKS_LAYER(Mish);
FVHOOKS_LAYER(Sigmoid);
FVHOOKS_LAYER(LogSigmoid);
FVHOOKS_LAYER(Tanh);
FVHOOKS_LAYER(Tanhshrink);
FVHOOKS_LAYER(Hardtanh);
FVHOOKS_LAYER(Hardshrink);
FVHOOKS_LAYER(Softplus);
FVHOOKS_LAYER(Softshrink);
FVHOOKS_LAYER(Softsign);
FVHOOKS_LAYER(Softmax);
FVHOOKS_LAYER(Softmax2d);
FVHOOKS_LAYER(LogSoftmax);
FVHOOKS_LAYER(Softmin);
FVHOOKS_LAYER(Threshold);

FVHOOKS_LAYER(Dropout);
FVHOOKS_LAYER(Dropout2d);
FVHOOKS_LAYER(Dropout3d);
FVHOOKS_LAYER(AlphaDropout);
FVHOOKS_LAYER(FeatureAlphaDropout);

FVHOOKS_LAYER(AvgPool1d);
FVHOOKS_LAYER(AvgPool2d);
FVHOOKS_LAYER(AvgPool3d);
FVHOOKS_LAYER(MaxPool1d);
FVHOOKS_LAYER(MaxPool2d);
FVHOOKS_LAYER(MaxPool3d);
FVHOOKS_LAYER(AdaptiveAvgPool1d);
FVHOOKS_LAYER(AdaptiveAvgPool2d);
FVHOOKS_LAYER(AdaptiveAvgPool3d);
FVHOOKS_LAYER(AdaptiveMaxPool1d);
FVHOOKS_LAYER(AdaptiveMaxPool2d);
FVHOOKS_LAYER(AdaptiveMaxPool3d);
FVHOOKS_LAYER(FractionalMaxPool2d);
FVHOOKS_LAYER(FractionalMaxPool3d);
FVHOOKS_LAYER(LPPool1d);
FVHOOKS_LAYER(LPPool2d);
FVHOOKS_LAYER(LPPool3d);
#define FVHOOKS_UNPOOL                                       \
  (const torch::Tensor& input, const torch::Tensor& indices, \
   const std::optional<std::vector<std::int64_t>>& output_size = std::nullopt)
FVHOOKS_LAYER_FORWARD(MaxUnpool1d, FVHOOKS_UNPOOL, (input, indices, output_size));
FVHOOKS_LAYER_FORWARD(MaxUnpool2d, FVHOOKS_UNPOOL, (input, indices, output_size));
FVHOOKS_LAYER_FORWARD(MaxUnpool3d, FVHOOKS_UNPOOL, (input, indices, output_size));
#undef FVHOOKS_UNPOOL

FVHOOKS_LAYER(Upsample);
FVHOOKS_LAYER(PixelShuffle);
FVHOOKS_LAYER(PixelUnshuffle);
FVHOOKS_LAYER(ReflectionPad1d);
FVHOOKS_LAYER(ReflectionPad2d);
FVHOOKS_LAYER(ReflectionPad3d);
FVHOOKS_LAYER(ReplicationPad1d);
FVHOOKS_LAYER(ReplicationPad2d);
FVHOOKS_LAYER(ReplicationPad3d);
FVHOOKS_LAYER(ZeroPad1d);
FVHOOKS_LAYER(ZeroPad2d);
FVHOOKS_LAYER(ZeroPad3d);
FVHOOKS_LAYER(ConstantPad1d);
FVHOOKS_LAYER(ConstantPad2d);
FVHOOKS_LAYER(ConstantPad3d);

FVHOOKS_LAYER_FORWARD(MultiheadAttention,
                      (const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
                       const torch::Tensor& key_padding_mask = {}, bool need_weights = true,
                       const torch::Tensor& attn_mask = {}, bool average_attn_weights = true),
                      (query, key, value, key_padding_mask, need_weights, attn_mask, average_attn_weights));

#undef FVHOOKS_EMBEDDING_HOLDER
#undef FVHOOKS_LAYER
#undef FVHOOKS_LAYER_OF
#undef FVHOOKS_LAYER_FORWARD

#endif  // FVHOOKS_DISABLE

}  // namespace fvhooks::nn
