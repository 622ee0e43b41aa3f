#include "weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "fvhooks/expected.h"
#include "tensors.h"

namespace wan {
namespace {

using testing::HasSubstr;
using testing::Not;

WanConfig tiny() {
  WanConfig config;
  config.num_attention_heads = 2;
  config.attention_head_dim = 12;
  config.in_channels = config.out_channels = 2;
  config.text_dim = config.freq_dim = config.ffn_dim = 16;
  config.num_layers = 1;
  config.rope_max_seq_len = 8;
  return config;
}

class WanWeights : public testing::Test {
 protected:
  WanWeights() : model(tiny()) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    for (const auto& parameter : model->named_parameters()) stored[parameter.key()] = torch::randn(parameter->sizes());
  }

  void write(const std::string& name, const std::map<std::string, Tensor>& tensors) {
    write_tensors((folder / name).string(), tensors);
  }
  void load(torch::ScalarType dtype = torch::kFloat32) { load_weights(*model, folder.string(), dtype); }
  std::string refusal() {
    write("diffusion_pytorch_model.safetensors", stored);
    try {
      load();
      return "accepted";
    } catch (const fvhooks::Exception& error) {
      return error.what();
    }
  }

  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "wan_weights_test";
  WanTransformer3DModel model;
  std::map<std::string, Tensor> stored;
};

TEST_F(WanWeights, EveryParameterGetsItsTensor) {
  write("diffusion_pytorch_model.safetensors", stored);
  load();
  for (const auto& parameter : model->named_parameters())
    EXPECT_TRUE(torch::equal(*parameter, stored.at(parameter.key()))) << parameter.key();
}

TEST_F(WanWeights, InBFloat16WhatTheReferenceKeepsStaysFloat32) {
  write("diffusion_pytorch_model.safetensors", stored);
  load(torch::kBFloat16);
  EXPECT_EQ(model->scale_shift_table.scalar_type(), torch::kFloat32);
  EXPECT_EQ(model->blocks[0]->norm2->weight.scalar_type(), torch::kFloat32);
  EXPECT_EQ(model->condition_embedder->time_embedder->linear_2->bias.scalar_type(), torch::kFloat32);
  EXPECT_EQ(model->blocks[0]->attn1->norm_q->weight.scalar_type(), torch::kBFloat16);
  EXPECT_EQ(model->condition_embedder->time_proj->weight.scalar_type(), torch::kBFloat16);
}

TEST_F(WanWeights, AreReadFromTheShardsOfAnIndex) {
  auto last = stored;
  const std::map<std::string, Tensor> first = {*last.begin()};
  last.erase(last.begin());
  write("one.safetensors", first);
  write("two.safetensors", last);
  std::ofstream(folder / "diffusion_pytorch_model.safetensors.index.json")
      << R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})";
  load();
  EXPECT_TRUE(torch::equal(model->proj_out->bias, stored.at("proj_out.bias")));
}

TEST_F(WanWeights, AnIndexMayNotLeadOutOfItsFolder) {
  std::ofstream(folder / "diffusion_pytorch_model.safetensors.index.json")
      << R"({"weight_map":{"a":"../one.safetensors"}})";
  EXPECT_THROW(load(), fvhooks::Exception);
}

TEST_F(WanWeights, EveryNameThatDoesNotFitIsListed) {
  stored.erase("proj_out.bias");
  stored["blocks.1.ffn.net.2.bias"] = torch::zeros({4});
  stored["proj_out.weight"] = torch::zeros({3, 5});
  stored["scale_shift_table"] = torch::zeros({1, 2, 24}, torch::kInt64);
  const auto message = refusal();
  EXPECT_THAT(message, HasSubstr("missing (1):\n    proj_out.bias"));
  EXPECT_THAT(message, HasSubstr("not expected (1):\n    blocks.1.ffn.net.2.bias"));
  EXPECT_THAT(message,
              HasSubstr("of another shape (1):\n    proj_out.weight: [3, 5] in the file, [8, 24] in the model"));
  EXPECT_THAT(message, HasSubstr("not floating point (1):\n    scale_shift_table"));
}

}  // namespace
}  // namespace wan
