// With FVHOOKS_DISABLE the macros are torch's own.
#include <gtest/gtest.h>

#include <type_traits>

#include "fvhooks/torch/hook_manager.h"
#include "fvhooks/torch/nn.h"

namespace fvhooks {
namespace {

struct BlockImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& x, double factor = 2) { return fc(x) * factor; }
  nn::Linear fc{2, 2};
};
FVHOOKS_MODULE_FORWARD(Block, (const torch::Tensor& x, double factor = 2), (x, factor));
struct OtherImpl : torch::nn::Module {};
FVHOOKS_MODULE(Other);

static_assert(std::is_same_v<Block::Impl, BlockImpl>);
static_assert(std::is_same_v<Other::Impl, OtherImpl>);
static_assert(std::is_same_v<nn::Linear, torch::nn::Linear>);
static_assert(std::is_same_v<nn::Sequential, torch::nn::Sequential>);
static_assert(std::is_same_v<nn::AnyModule, torch::nn::AnyModule>);

TEST(Disabled, TheModuleIsPlainAndRuns) {
  Block block;
  EXPECT_EQ(block(torch::ones({1, 2})).sizes(), (torch::IntArrayRef{1, 2}));
  EXPECT_EQ(nn::RMSNorm(nn::RMSNormOptions(2))(torch::ones({1, 2})).numel(), 2);
  EXPECT_FALSE(ModuleHookManager::can_hook(*block));
}

}  // namespace
}  // namespace fvhooks
