// Legitimate differences between two runs of one model: kernels, memory layouts, orders of operations.
#include <ATen/Context.h>

#include <cmath>

#include "bugs.h"
#include "processors.h"

namespace wan {
namespace {

// softmax(q kᵀ / √d) v, in the dtype of its inputs.
class ExplicitAttention : public WanAttnProcessor {
  Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value,
                   const std::optional<Tensor>&) const override {
    const auto heads_first = [](const Tensor& tensor) { return tensor.transpose(1, 2); };
    const auto scores = torch::matmul(heads_first(query), heads_first(key).transpose(-1, -2)) /
                        std::sqrt(static_cast<double>(query.size(-1)));
    return torch::matmul(torch::softmax(scores, /*dim=*/-1), heads_first(value)).transpose(1, 2);
  }
};

// Query, key and value lie in one tensor, as a fused projection leaves them.
class StridedAttention : public WanAttnProcessor {
  Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value,
                   const std::optional<Tensor>& attention_mask) const override {
    const auto fused = torch::stack({query, key, value}, /*dim=*/-1);
    return WanAttnProcessor::attention(fused.select(-1, 0), fused.select(-1, 1), fused.select(-1, 2), attention_mask);
  }
};

void use_math_attention(Port&) {
  at::globalContext().setSDPUseFlash(false);
  at::globalContext().setSDPUseMemEfficient(false);
}

// What to_q, to_k and to_v return is cut out of one product.
void fuse_projections(Port& port) {
  for (auto& block : port.model.blocks) {
    auto& attn = *block->attn1;
    const auto weight = torch::cat({attn.to_q->weight, attn.to_k->weight, attn.to_v->weight});
    const auto bias = torch::cat({attn.to_q->bias, attn.to_k->bias, attn.to_v->bias});
    std::int64_t part = 0;
    for (auto* const projection : {&attn.to_q, &attn.to_k, &attn.to_v})
      port.module_returns(**projection, [weight, bias, i = part++](const Tensor& input, const Tensor&) {
        return torch::linear(input, weight, bias).chunk(3, /*dim=*/-1)[static_cast<std::size_t>(i)];
      });
  }
}

template <class Change>
void change_linear_layers(Port& port, Change change) {
  for (const auto& module : port.model.modules())
    if (auto* const linear = module->as<torch::nn::LinearImpl>())
      port.module_returns(*module,
                          [linear, change](const Tensor& input, const Tensor&) { return change(*linear, input); });
}

// In two halves, as a kernel with split-K adds them up.
void split_products(Port& port) {
  change_linear_layers(port, [](const torch::nn::LinearImpl& linear, const Tensor& input) {
    const auto inputs = input.chunk(2, /*dim=*/-1), weights = linear.weight.chunk(2, /*dim=*/1);
    return torch::linear(inputs[0], weights[0]) + torch::linear(inputs[1], weights[1]) + linear.bias;
  });
}

// The bias within the product, rounded once; torch's C++ layer adds it afterwards.
void fuse_bias(Port& port) {
  change_linear_layers(port, [](const torch::nn::LinearImpl& linear, const Tensor& input) {
    auto sizes = input.sizes().vec();
    sizes.back() = linear.weight.size(0);
    return torch::addmm(linear.bias, input.reshape({-1, input.size(-1)}), linear.weight.t()).view(sizes);
  });
}

void transpose_storage(Port& port) {
  for (const auto& module : port.model.modules())
    if (auto* const linear = module->as<torch::nn::LinearImpl>())
      linear->weight.set_data(linear->weight.t().contiguous().t());
}

// (x - mean) / √(variance + eps), step by step.
void normalize_explicitly(Port& port) {
  for (auto& block : port.model.blocks)
    for (auto* const norm : {&block->norm1, &block->norm3})
      port.module_returns(**norm, [eps = (*norm)->options.eps()](const Tensor& input, const Tensor&) {
        const auto centred = input - input.mean(-1, /*keepdim=*/true);
        return centred / torch::sqrt(centred.pow(2).mean(-1, /*keepdim=*/true) + eps);
      });
}

constexpr Planting kVariants[] = {
    {"explicit-attention", "attention is a product, a softmax and a product", &set_attn1<ExplicitAttention>},
    {"strided-attention", "query, key and value lie interleaved in memory", &set_attn1<StridedAttention>},
    {"math-attention", "torch's attention without its fused kernels", &use_math_attention},
    {"fused-projections", "query, key and value are cut out of one product", &fuse_projections},
    {"split-products", "products of linear layers are added up in two halves", &split_products},
    {"fused-bias", "linear layers add their bias within the product", &fuse_bias},
    {"transposed-storage", "weights of linear layers are stored transposed", &transpose_storage},
    {"explicit-norms", "layer norms step by step", &normalize_explicitly},
    {"no-onednn", "torch's own kernels in place of oneDNN's",
     [](Port&) { at::globalContext().setUserEnabledMkldnn(false); }},
};

}  // namespace

std::vector<Planting> all_variants() { return {std::begin(kVariants), std::end(kVariants)}; }

}  // namespace wan
