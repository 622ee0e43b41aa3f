// Which calls go through the slot, and that hooks off nothing changes.
#include "fvhooks/torch/instrumented.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fvhooks/torch/nn.h"
#include "torch/test_hooks.h"

namespace fvhooks {
namespace {

using test::AddOne;
using test::hook;
using torch::Tensor;

struct BlockImpl : torch::nn::Cloneable<BlockImpl> {
  explicit BlockImpl(std::int64_t width) : size(width) { BlockImpl::reset(); }
  void reset() override { scale = register_parameter("scale", torch::full({size}, 2.0)); }
  Tensor forward(const Tensor& x) { return x * scale; }

  std::int64_t size;
  Tensor scale;
};
FVHOOKS_MODULE(Block);

Tensor ones() { return torch::ones({2}); }
float first(const Tensor& tensor) { return tensor[0].item<float>(); }

TEST(Instrumented, IsTheSameModuleWithHooksOff) {
  Block block(2);
  EXPECT_EQ(first(block(ones())), 2);
  EXPECT_EQ(first(block->forward(ones())), 2);
  EXPECT_EQ(block->named_parameters().keys(), std::vector<std::string>{"scale"});
  EXPECT_NE(block->as<BlockImpl>(), nullptr);
  EXPECT_NE(block->as<Block>(), nullptr);
}

TEST(Instrumented, EveryWayToCallGoesThroughTheSlot) {
  Block block(2);
  hook(*block, std::make_shared<AddOne>());
  EXPECT_EQ(first(block(ones())), 3);
  EXPECT_EQ(first(block->forward(ones())), 3);
  EXPECT_EQ(first(torch::nn::AnyModule(block).forward(ones())), 3);
  EXPECT_EQ(first(torch::nn::Sequential(block)->forward(ones())), 3);
  EXPECT_EQ(first(nn::Sequential(block)->forward(ones())), 3);
  nn::ModuleList list(block);
  EXPECT_EQ(first(list[0]->as<Block>()->forward(ones())), 3);
  EXPECT_EQ(first(list->at<Block::Impl>(0).forward(ones())), 3);
  EXPECT_EQ(first(nn::AnyModule(block).get<Block>()(ones())), 3);
}

TEST(Instrumented, ACallThatNamesTheBaseIsNotHooked) {
  Block block(2);
  hook(*block, std::make_shared<AddOne>());
  EXPECT_EQ(first(static_cast<BlockImpl&>(*block).forward(ones())), 2);
}

TEST(Instrumented, CopiesAndClonesStartWithoutHooks) {
  Block block(2);
  hook(*block, std::make_shared<AddOne>());
  Block::Impl copy(*block);
  EXPECT_EQ(first(copy.forward(ones())), 2);
  const auto clone = std::dynamic_pointer_cast<Block::Impl>(block->clone());
  ASSERT_NE(clone, nullptr);
  EXPECT_EQ(first(clone->forward(ones())), 2);
  EXPECT_FALSE(clone->scale.is_same(block->scale));
  EXPECT_TRUE(clone->scale.is_same(clone->named_parameters()["scale"]));
  hook(*clone, std::make_shared<AddOne>(10));
  EXPECT_EQ(first(clone->forward(ones())), 12);
  EXPECT_EQ(first(block(ones())), 3);
}

TEST(Instrumented, AssignmentKeepsEachModulesHooks) {
  Block::Impl hooked(2);
  hook(hooked, std::make_shared<AddOne>());
  Block::Impl plain(2);
  plain = hooked;
  EXPECT_EQ(first(plain.forward(ones())), 2);
  hooked = plain;
  EXPECT_EQ(first(hooked.forward(ones())), 3);
}

struct StackImpl : torch::nn::Cloneable<StackImpl> {
  StackImpl() { StackImpl::reset(); }
  void reset() override { block = register_module("block", Block(2)); }
  Tensor forward(const Tensor& x) { return block(x); }
  Block block{nullptr};
};
FVHOOKS_MODULE(Stack);

TEST(Instrumented, CloneOfAParentHasInstrumentedChildren) {
  Stack stack;
  hook(*stack->block, std::make_shared<AddOne>());
  const auto clone = std::dynamic_pointer_cast<Stack::Impl>(stack->clone());
  ASSERT_NE(clone, nullptr);
  EXPECT_EQ(first(clone->forward(ones())), 2);
  hook(*clone->block, std::make_shared<AddOne>(10));
  EXPECT_EQ(first(clone->forward(ones())), 12);
}

TEST(Instrumented, SequentialClonesStayHookable) {
  nn::Sequential sequential({{"scale", Block(2)}, {"act", nn::ReLU()}});
  hook(*sequential, std::make_shared<AddOne>());
  EXPECT_EQ(first(sequential->forward(ones())), 3);
  const auto clone = std::dynamic_pointer_cast<nn::SequentialImpl>(sequential->clone());
  ASSERT_NE(clone, nullptr);
  EXPECT_EQ(first(clone->forward(ones())), 2);
  EXPECT_EQ(clone->named_children().keys(), (std::vector<std::string>{"scale", "act"}));
  hook(clone->at<Block::Impl>(0), std::make_shared<AddOne>(10));
  EXPECT_EQ(first(clone->forward(ones())), 12);
}

struct DefaultsImpl : torch::nn::Module {
  Tensor forward(Tensor x, double factor = 3) { return x * factor; }
  FORWARD_HAS_DEFAULT_ARGS({1, torch::nn::AnyValue(3.0)})
};
FVHOOKS_MODULE_FORWARD(Defaults, (Tensor x, double factor = 3), (x, factor));

TEST(Instrumented, DefaultArgumentsAreSpelledOut) {
  Defaults defaults;
  EXPECT_EQ(first(defaults(ones())), 3);
  EXPECT_EQ(first(defaults(ones(), 5.0)), 5);
  hook(*defaults, std::make_shared<AddOne>());
  EXPECT_EQ(first(defaults(ones())), 4);
  EXPECT_EQ(first(torch::nn::AnyModule(defaults).forward(ones())), 4);
  EXPECT_EQ(first(torch::nn::AnyModule(defaults).forward(ones(), 5.0)), 6);
  EXPECT_EQ(first(torch::nn::AnyModule(defaults).get<Defaults>()(ones())), 4);
}

struct OverloadedImpl : torch::nn::Module {
  Tensor forward(const Tensor& x) { return x * 2; }
  int forward(int x) { return x * 2; }
};
FVHOOKS_MODULE_FORWARD(Overloaded, (const Tensor& x), (x));

TEST(Instrumented, OneOfSeveralOverloadsIsHooked) {
  Overloaded overloaded;
  hook(*overloaded, std::make_shared<AddOne>());
  EXPECT_EQ(first(overloaded(ones())), 3);
}

struct TemplatedImpl : torch::nn::Module {
  template <class X>
  X forward(X x) {
    return x + x;
  }
};
FVHOOKS_MODULE_FORWARD(Templated, (Tensor x), (x));

TEST(Instrumented, OneInstanceOfATemplateIsHooked) {
  Templated templated;
  hook(*templated, std::make_shared<AddOne>());
  EXPECT_EQ(first(templated(ones())), 3);
}

struct ConstantImpl : torch::nn::Module {
  Tensor forward(const Tensor& x) const noexcept { return x; }
};
FVHOOKS_MODULE(Constant);

TEST(Instrumented, AConstForwardIsCalledOnAConstModule) {
  const Constant constant;
  EXPECT_EQ(first(constant->forward(ones())), 1);
  hook(const_cast<Constant::Impl&>(*constant), std::make_shared<AddOne>());
  EXPECT_EQ(first(constant->forward(ones())), 2);
}

struct VirtualImpl : torch::nn::Module {
  virtual Tensor forward(Tensor x) { return x; }
};
struct OverridingImpl : VirtualImpl {
  Tensor forward(Tensor x) override { return x * 2; }
};
FVHOOKS_MODULE(Overriding);

TEST(Instrumented, AVirtualForwardIsHookedThroughItsBaseToo) {
  Overriding module;
  hook(*module, std::make_shared<AddOne>());
  EXPECT_EQ(first(module(ones())), 3);
  EXPECT_EQ(first(static_cast<VirtualImpl&>(*module).forward(ones())), 3);
}

// Every kind of parameter that the slot has to pass on.
struct Pair {
  int a, b;
};
struct ParametersImpl : torch::nn::Module {
  void forward(Tensor by_value, const Tensor& by_constant, Tensor& in_out, Tensor&& moved, std::unique_ptr<int> owned,
               Pair pair, std::vector<Tensor> list, int number) {
    in_out += first(by_value) + first(by_constant) + first(moved) +
              static_cast<float>(*owned + pair.a + pair.b + number) + static_cast<float>(list.size());
    const Tensor taken = std::move(moved);
  }
};
FVHOOKS_MODULE(Parameters);

void expect_parameters_arrive(Parameters& module) {
  Tensor in_out = torch::zeros({1});
  Tensor moved = ones();
  module->forward(ones(), ones(), in_out, std::move(moved), std::make_unique<int>(10), {100, 200}, {ones(), ones()},
                  1000);
  EXPECT_EQ(first(in_out), 3 + 10 + 300 + 2 + 1000);
  EXPECT_FALSE(moved.defined());
}

TEST(Instrumented, EveryKindOfParameterArrives) {
  Parameters module;
  expect_parameters_arrive(module);
  hook(*module, std::make_shared<test::Recorder>());
  expect_parameters_arrive(module);
}

struct OwnerImpl : torch::nn::Module {
  const std::shared_ptr<int>& forward(std::shared_ptr<int> p) {
    count = p.use_count();
    return held = std::move(p);
  }
  std::shared_ptr<int> held;
  std::int64_t count = 0;
};
FVHOOKS_MODULE(Owner);

TEST(Instrumented, AnArgumentByValueIsMovedNeverCopiedAndDestroyedOnce) {
  Owner owner;
  auto value = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = value;
  EXPECT_EQ(&owner->forward(std::move(value)), &owner->held);
  EXPECT_EQ(owner->count, 1);
  EXPECT_EQ(watch.use_count(), 1);
  owner->held = nullptr;
  EXPECT_TRUE(watch.expired());
}

TEST(Instrumented, LayersAreTorchsByAnotherNamespace) {
  nn::Linear linear(nn::LinearOptions(2, 2).bias(false));
  EXPECT_NE(linear->as<torch::nn::Linear>(), nullptr);
  EXPECT_EQ(linear->name(), "fvhooks::nn::LinearImpl");
  nn::Sequential sequential(nn::Conv2d(nn::Conv2dOptions(1, 4, 3).padding(1)), nn::BatchNorm2d(4), nn::SiLU(),
                            nn::ConvTranspose2d(nn::ConvTranspose2dOptions(4, 1, 2).stride(2)), nn::Flatten(),
                            nn::Dropout(0.5));
  sequential->eval();
  EXPECT_EQ(sequential->forward(torch::rand({1, 1, 4, 4})).sizes(), (torch::IntArrayRef{1, 64}));
  EXPECT_EQ(sequential->at<nn::BatchNorm2dImpl>(1).options.num_features(), 4);
  nn::MultiheadAttention attention(4, 2);
  const auto x = torch::rand({3, 1, 4});
  EXPECT_EQ(std::get<0>(attention(x, x, x)).sizes(), x.sizes());
}

}  // namespace
}  // namespace fvhooks
