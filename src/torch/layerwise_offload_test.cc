// Layerwise offload of C++ modules. What both faces share is tried in python/tests/test_layerwise_offload.py.
#include "fvhooks/torch/layerwise_offload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>

#include "fvhooks/expected.h"
#include "fvhooks/safetensors.h"
#include "fvhooks/torch/hook_manager.h"
#include "fvhooks/torch/nn.h"
#include "fvhooks/torch/tensor_view.h"

namespace fvhooks {
namespace {

namespace fnn = fvhooks::nn;
using ::testing::HasSubstr;

struct BlockImpl : torch::nn::Module {
  BlockImpl() {
    linear = register_module("linear", fnn::Linear(8, 8));
    scale = register_buffer("scale", torch::rand({8}));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    if (fails) throw std::runtime_error("as asked");
    return x + torch::gelu(linear(x)) * scale;
  }
  fnn::Linear linear{nullptr};
  torch::Tensor scale;
  bool fails = false;
};
FVHOOKS_MODULE(Block);

struct ModelImpl : torch::nn::Module {
  ModelImpl() {
    torch::manual_seed(5);
    for (int i = 0; i < 5; ++i) blocks->push_back(Block());
    register_module("blocks", blocks);
    head = register_module("head", fnn::Linear(8, 2));
  }
  torch::Tensor forward(torch::Tensor x) {
    for (std::size_t i = 0; i < blocks->size(); ++i) x = block(i)(x);
    return head(x);
  }
  Block block(std::size_t i) { return Block(std::dynamic_pointer_cast<Block::Impl>(blocks->ptr(i))); }
  torch::nn::ModuleList blocks;
  fnn::Linear head{nullptr};
};
FVHOOKS_MODULE(Model);

class LayerwiseOffload : public ::testing::Test {
 protected:
  torch::Tensor run() {
    const torch::NoGradGuard no_grad;
    return model_(torch::ones({3, 8}));
  }
  std::shared_ptr<LayerwiseOffloadHook> hook(std::size_t block) {
    return std::dynamic_pointer_cast<LayerwiseOffloadHook>(
        ModuleHookManager::get_from(*model_->blocks->ptr(block))->get_forward_hook(LayerwiseOffloadHook::kName));
  }
  Model model_;
  torch::Tensor expected_ = run();
};

TEST_F(LayerwiseOffload, GivesTheResidentModelsBits) {
  enable_layerwise_offload(*model_, {.budget = 3 * 4096});
  for (int step = 0; step < 3; ++step) EXPECT_TRUE(torch::equal(run(), expected_));
  EXPECT_EQ(offload_report(*model_).uses, std::vector<std::uint64_t>(5, 3));
}

TEST_F(LayerwiseOffload, LeavesEmptyParametersAndTellsTheirValues) {
  const auto weight = model_->block(1)->linear->weight.clone();
  enable_layerwise_offload(*model_);
  EXPECT_EQ(model_->block(1)->linear->weight.numel(), 0);
  EXPECT_EQ(model_->block(1)->scale.numel(), 0);
  EXPECT_GT(model_->head->weight.numel(), 0);
  EXPECT_TRUE(torch::equal(offloaded_values(*model_).at("blocks.1.linear.weight"), weight));
  disable_layerwise_offload(*model_);
  EXPECT_TRUE(torch::equal(model_->block(1)->linear->weight, weight));
  EXPECT_TRUE(torch::equal(run(), expected_));
}

TEST_F(LayerwiseOffload, WritesTheWeightsToAFolder) {
  const auto folder = std::filesystem::temp_directory_path() / ("fvhooks_offload_" + std::to_string(::getpid()));
  enable_layerwise_offload(*model_, {.store = folder.string()});
  EXPECT_TRUE(std::filesystem::is_empty(folder));  // they have no name any more
  EXPECT_TRUE(torch::equal(run(), expected_));
  disable_layerwise_offload(*model_);
  EXPECT_TRUE(torch::equal(run(), expected_));
  std::filesystem::remove(folder);
}

TEST_F(LayerwiseOffload, AForwardThatThrowsLeavesAModelThatWorks) {
  enable_layerwise_offload(*model_);
  model_->block(2)->fails = true;
  EXPECT_THROW(run(), std::runtime_error);
  EXPECT_EQ(model_->block(2)->linear->weight.numel(), 0);
  model_->block(2)->fails = false;
  EXPECT_TRUE(torch::equal(run(), expected_));
}

TEST_F(LayerwiseOffload, AMutationIsKeptWholeOrNotAtAll) {
  enable_layerwise_offload(*model_);
  const auto zero = [&] {
    const torch::NoGradGuard no_grad;
    model_->block(1)->linear->weight.zero_();
  };
  EXPECT_THROW(hook(1)->mutate_params_scope([&] {
    zero();
    throw std::runtime_error("half way");
  }),
               std::runtime_error);
  EXPECT_TRUE(torch::equal(run(), expected_));
  hook(1)->mutate_params_scope(zero);
  EXPECT_FALSE(torch::equal(run(), expected_));
  EXPECT_EQ(offloaded_values(*model_).at("blocks.1.linear.weight").count_nonzero().item<int>(), 0);
}

TEST_F(LayerwiseOffload, ABlockInTwoListsIsOneBlock) {
  torch::nn::ModuleList again;
  again->push_back(model_->blocks->ptr(2));
  model_->register_module("again", again);
  enable_layerwise_offload(*model_);
  EXPECT_EQ(model_->block(2)->linear->weight.numel(), 0);
  EXPECT_TRUE(torch::equal(run(), expected_));
  EXPECT_EQ(offload_report(*model_).uses, std::vector<std::uint64_t>(5, 1));
}

// In a folder with a checkpoint of the model, and another of its blocks alone.
class StoredModel : public LayerwiseOffload {
 protected:
  StoredModel() {
    std::filesystem::create_directories(folder_);
    std::filesystem::current_path(folder_);
    write("model.safetensors", "");
    write("blocks.safetensors", "blocks.");
  }
  ~StoredModel() override {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(folder_);
  }

 private:
  void write(const std::string& path, std::string_view prefix) {
    std::deque<HostTensor> memory;
    std::vector<SafetensorsTensor> tensors;
    const auto add = [&](const std::string& name, const torch::Tensor& tensor) {
      if (name.starts_with(prefix)) tensors.push_back({name, *memory.emplace_back(tensor).view()});
    };
    for (const auto& item : model_->named_parameters()) add(item.key(), item.value());
    for (const auto& item : model_->named_buffers()) add(item.key(), item.value());
    write_safetensors(path, tensors).value();
  }

  const std::filesystem::path before_ = std::filesystem::current_path();
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("fvhooks_stored_model_" + std::to_string(::getpid()));
};

TEST_F(StoredModel, ParametersThatWereNeverInMemoryComeFromTheCheckpoint) {
  await_checkpoint(*model_);
  EXPECT_EQ(model_->head->weight.sizes(), (std::vector<std::int64_t>{2, 8}));
  EXPECT_TRUE(torch::isnan(run()).all().item<bool>());
  enable_layerwise_offload(*model_, {.store = "model.safetensors"});
  for (int step = 0; step < 2; ++step) EXPECT_TRUE(torch::equal(run(), expected_));
  disable_layerwise_offload(*model_);
  EXPECT_TRUE(torch::equal(run(), expected_));
}

TEST_F(StoredModel, ParametersWithoutValuesWaitForACheckpointThatHasThem) {
  await_checkpoint(*model_);
  for (const LayerwiseOffloadOptions& insufficient :
       {LayerwiseOffloadOptions{}, {.budget = 10, .store = "model.safetensors"}, {.store = "blocks.safetensors"}}) {
    EXPECT_THROW(enable_layerwise_offload(*model_, insufficient), Exception);
    EXPECT_EQ(model_->block(1)->linear->weight.sizes(), (std::vector<std::int64_t>{8, 8}));
    EXPECT_TRUE(torch::isnan(run()).all().item<bool>());
  }
  enable_layerwise_offload(*model_, {.store = "model.safetensors"});
  EXPECT_TRUE(torch::equal(run(), expected_));
}

TEST_F(StoredModel, TheLineOfTheReadmeStreamsItFromItsCheckpoint) {
  auto& model = model_;
#include "readme_offload.inc"
  EXPECT_EQ(model_->block(1)->linear->weight.numel(), 0);
  EXPECT_TRUE(torch::equal(run(), expected_));
}

void expect_refused(torch::nn::Module& model, const LayerwiseOffloadOptions& options, const char* why) {
  try {
    enable_layerwise_offload(model, options);
    ADD_FAILURE() << "was not refused: " << why;
  } catch (const Exception& refused) {
    EXPECT_THAT(refused.what(), HasSubstr(why));
  }
}

TEST_F(LayerwiseOffload, WhatCannotBeIsAnErrorAndTheModelStaysAsItWas) {
  expect_refused(*model_, {.budget = 10}, "too small");
  expect_refused(*model_, {.blocks = {"blok"}}, "blok");
  expect_refused(*model_, {.store = "/no/such/model.safetensors"}, "/no/such");
  expect_refused(*model_->head, {}, "ModuleList");
  expect_refused(*model_, {.device = c10::Device(c10::kCUDA, 99)}, "no device cuda:99");
  EXPECT_TRUE(torch::equal(run(), expected_));
  enable_layerwise_offload(*model_);
  expect_refused(*model_, {}, "already");
}

}  // namespace
}  // namespace fvhooks
