#include "fvhooks/torch/hook_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "fvhooks/torch/instrumented.h"
#include "torch/test_hooks.h"

namespace fvhooks {
namespace {

using test::AddOne;
using test::hook;
using test::Recorder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using torch::Tensor;

struct DoubleImpl : torch::nn::Module {
  Tensor forward(const Tensor& x) {
    if (fails) throw std::runtime_error("forward failed");
    return x * 2;
  }
  bool fails = false;
};
FVHOOKS_MODULE(Double);

struct PlainImpl : torch::nn::Module {};

Tensor ones() { return torch::ones({2}); }
float first(const Tensor& tensor) { return tensor[0].item<float>(); }

// Does what it is told before and after forward.
class Acting : public ForwardHook {
 public:
  explicit Acting(std::string name) : name_(std::move(name)) {}
  std::string_view name() const override { return name_; }
  void on_attach(torch::nn::Module& module) override { attach(module); }
  void pre_forward(torch::nn::Module&, ValueRef args) override { pre(args); }
  void post_forward(torch::nn::Module&, ValueRef output) override { post(output); }

  std::function<void(torch::nn::Module&)> attach = [](torch::nn::Module&) {};
  std::function<void(ValueRef)> pre = [](ValueRef) {};
  std::function<void(ValueRef)> post = [](ValueRef) {};

 private:
  std::string name_;
};

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "did not throw std::invalid_argument";
}

TEST(ModuleHookManager, RunsPreHooksInOrderAndPostHooksInReverse) {
  Double module;
  std::vector<std::string> events;
  const auto manager = hook(*module, std::make_shared<Recorder>("a", &events));
  hook(*module, std::make_shared<Recorder>("b", &events));
  module(ones());
  manager->remove_forward_hook("a");
  EXPECT_THAT(events, ElementsAre("a attach", "b attach", "a pre", "b pre", "b post", "a post", "a detach"));
}

TEST(ModuleHookManager, IsMadeOnceAModule) {
  Double module;
  EXPECT_EQ(ModuleHookManager::get_from(*module), nullptr);
  const auto manager = ModuleHookManager::get_from_or_default(*module);
  EXPECT_EQ(ModuleHookManager::get_from_or_default(*module), manager);
  EXPECT_EQ(ModuleHookManager::get_from(*module), manager);
}

TEST(ModuleHookManager, RefusesAPlainModuleAndSaysHowToPort) {
  PlainImpl plain;
  EXPECT_FALSE(ModuleHookManager::can_hook(plain));
  EXPECT_EQ(ModuleHookManager::get_from(plain), nullptr);
  EXPECT_THAT(message_of([&] { ModuleHookManager::get_from_or_default(plain); }), HasSubstr("FVHOOKS_MODULE"));
}

TEST(ModuleHookManager, UnknownAndDuplicateNamesAreErrorsThatNameThem) {
  Double module;
  const auto manager = hook(*module, std::make_shared<Recorder>("mine"));
  EXPECT_THAT(message_of([&] { manager->append_forward_hook(std::make_shared<Recorder>("mine")); }),
              HasSubstr("\"mine\""));
  EXPECT_THAT(message_of([&] { manager->remove_forward_hook("other"); }), HasSubstr("\"other\""));
  EXPECT_THAT(message_of([&] { manager->replace_forward_hook("other", std::make_shared<Recorder>("x")); }),
              HasSubstr("\"other\""));
  EXPECT_THAT(message_of([&] { manager->append_forward_hook(nullptr); }), HasSubstr("null"));
  EXPECT_EQ(manager->forward_hooks().size(), 1U);
  EXPECT_EQ(manager->get_forward_hook("other"), nullptr);
}

TEST(ModuleHookManager, AReplacementTakesThePlaceOfTheOldHook) {
  Double module;
  std::vector<std::string> events;
  const auto manager = hook(*module, std::make_shared<Recorder>("a", &events));
  hook(*module, std::make_shared<Recorder>("b", &events));
  events.clear();
  manager->replace_forward_hook("a", std::make_shared<Recorder>("a2", &events));
  module(ones());
  EXPECT_THAT(events, ElementsAre("a detach", "a2 attach", "a2 pre", "b pre", "b post", "a2 post"));
  events.clear();
  manager->replace_forward_hook("a2", std::make_shared<Recorder>("a3", &events), /*run_on_attach=*/false);
  EXPECT_THAT(events, ElementsAre("a3 attach"));
  EXPECT_THAT(message_of([&] { manager->replace_forward_hook("a3", std::make_shared<Recorder>("b")); }),
              HasSubstr("\"b\""));
}

TEST(ModuleHookManager, AHookWhoseAttachThrowsLeavesNothingBehind) {
  Double module;
  const auto manager = ModuleHookManager::get_from_or_default(*module);
  const auto failing = std::make_shared<Acting>("failing");
  failing->attach = [](torch::nn::Module&) { throw std::runtime_error("no"); };
  EXPECT_THROW(manager->append_forward_hook(failing), std::runtime_error);
  EXPECT_TRUE(manager->forward_hooks().empty());
  hook(*module, std::make_shared<AddOne>());
  EXPECT_THROW(manager->replace_forward_hook("AddOne", failing), std::runtime_error);
  EXPECT_EQ(first(module(ones())), 3);
}

TEST(ModuleHookManager, ArgumentsAreReplacedWithoutTouchingTheCallers) {
  Double module;
  const auto acting = std::make_shared<Acting>("acting");
  acting->pre = [](ValueRef args) {
    ASSERT_EQ(args.size(), 1U);
    ASSERT_NE(args[0].get<Tensor>(), nullptr);
    *args[0].get<Tensor>() = torch::full({2}, 5.0);
  };
  hook(*module, acting);
  const auto x = ones();
  EXPECT_EQ(first(module(x)), 10);
  EXPECT_EQ(first(x), 1);
}

TEST(ModuleHookManager, AHookMayDetachItselfAndOthersDuringACall) {
  Double module;
  std::vector<std::string> events;
  const auto manager = ModuleHookManager::get_from_or_default(*module);
  auto acting = std::make_shared<Acting>("acting");
  acting->pre = [&](ValueRef) {
    manager->remove_forward_hook("acting");
    manager->remove_forward_hook("bystander");
  };
  acting->post = [&](ValueRef) { events.push_back("post of a detached hook"); };
  manager->append_forward_hook(std::move(acting));
  manager->append_forward_hook(std::make_shared<Recorder>("bystander", &events));
  module(ones());
  EXPECT_THAT(events, ElementsAre("bystander attach", "bystander detach", "bystander pre", "bystander post",
                                  "post of a detached hook"));
  events.clear();
  module(ones());
  EXPECT_TRUE(events.empty());
}

TEST(ModuleHookManager, AnExceptionInForwardIsPassedOnAndLeavesEverythingAsItWas) {
  Double module;
  std::vector<std::string> events;
  hook(*module, std::make_shared<Recorder>("a", &events));
  hook(*module, std::make_shared<Recorder>("b", &events));
  events.clear();
  module->fails = true;
  EXPECT_THROW(module(ones()), std::runtime_error);
  EXPECT_THAT(events, ElementsAre("a pre", "b pre", "b failed", "a failed"));
  events.clear();
  module->fails = false;
  EXPECT_EQ(first(module(ones())), 2);
  EXPECT_THAT(events, ElementsAre("a pre", "b pre", "b post", "a post"));
}

TEST(ModuleHookManager, AnExceptionInAHookIsPassedOnToo) {
  Double module;
  std::vector<std::string> events;
  hook(*module, std::make_shared<Recorder>("a", &events));
  const auto acting = std::make_shared<Acting>("acting");
  acting->pre = [](ValueRef) { throw std::logic_error("pre"); };
  const auto manager = hook(*module, acting);
  hook(*module, std::make_shared<Recorder>("c", &events));
  events.clear();
  EXPECT_THROW(module(ones()), std::logic_error);
  EXPECT_THAT(events, ElementsAre("a pre", "a failed"));
  acting->pre = [](ValueRef) {};
  acting->post = [](ValueRef) { throw std::logic_error("post"); };
  events.clear();
  EXPECT_THROW(module(ones()), std::logic_error);
  EXPECT_THAT(events, ElementsAre("a pre", "c pre", "c post", "a failed"));
}

TEST(ModuleHookManager, RemoveFromManagerDetachesTheLastFirst) {
  Double module;
  std::vector<std::string> events;
  hook(*module, std::make_shared<Recorder>("a", &events));
  hook(*module, std::make_shared<Recorder>("b", &events));
  events.clear();
  ModuleHookManager::remove_from_manager(*module);
  ModuleHookManager::remove_from_manager(*module);
  EXPECT_THAT(events, ElementsAre("b detach", "a detach"));
  EXPECT_EQ(ModuleHookManager::get_from(*module), nullptr);
}

TEST(ModuleHookManager, OutlivesItsModule) {
  std::shared_ptr<ModuleHookManager> manager;
  const auto recorder = std::make_shared<Recorder>();
  {
    Double module;
    manager = hook(*module, recorder);
  }
  EXPECT_TRUE(manager->forward_hooks().empty());
  EXPECT_FALSE(manager->remove_forward_hook(*recorder));
  EXPECT_THROW(manager->append_forward_hook(recorder), std::invalid_argument);
  EXPECT_THAT(recorder->events(), ElementsAre("Recorder attach"));
}

TEST(ModuleHookManager, HooksComeAndGoWhileOtherThreadsRunForward) {
  Double module;
  const auto manager = ModuleHookManager::get_from_or_default(*module);
  std::atomic<bool> done = false;
  std::atomic<int> wrong = 0, calls = 0;
  const auto call = [&] {
    while (!done) {
      const auto value = first(module(ones()));
      if (value != 2 && value != 3) ++wrong;
      ++calls;
    }
  };
  std::thread one(call), two(call);
  while (calls < 5000) {
    manager->append_forward_hook(std::make_shared<AddOne>());
    manager->remove_forward_hook("AddOne");
  }
  done = true;
  one.join();
  two.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(first(module(ones())), 2);
}

}  // namespace
}  // namespace fvhooks
