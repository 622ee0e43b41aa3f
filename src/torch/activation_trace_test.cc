#include "fvhooks/torch/activation_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "core/testing/temporary_folder.h"
#include "fvhooks/torch/nn.h"
#include "fvhooks/trace_reader.h"
#include "fvhooks/warning.h"
#include "torch/test_hooks.h"
#include "torch/trace_targets.h"

namespace traced_models {

struct Output {
  torch::Tensor sample;
  std::optional<torch::Tensor> mask;
};
FVHOOKS_FIELDS(Output, sample, mask)

struct BlockImpl : torch::nn::Module {
  BlockImpl() {
    register_module("fc", fc);
    register_module("act", act);
  }
  Output forward(const torch::Tensor& x, const std::optional<torch::Tensor>& mask) {
    if (fails) throw std::runtime_error("forward failed");
    return {act(fc(x)), mask};
  }
  fvhooks::nn::Linear fc{fvhooks::nn::LinearOptions(3, 3)};
  fvhooks::nn::ReLU act;
  bool fails = false;
};
FVHOOKS_MODULE(Block);

struct ModelImpl : torch::nn::Module {
  ModelImpl() {
    register_module("blocks", blocks);
    for (int i = 0; i < 2; ++i) blocks->push_back(Block());
    register_module("head", head);
    register_module("tied", head);
  }
  torch::Tensor forward(torch::Tensor x) {
    for (const auto& block : *blocks) x = block->as<Block>()->forward(x, std::nullopt).sample;
    return head(x);
  }
  fvhooks::nn::ModuleList blocks;
  fvhooks::nn::Linear head{3, 2};
};
FVHOOKS_MODULE(Model);

struct HalfPortedImpl : torch::nn::Module {
  HalfPortedImpl() {
    register_module("old", old);
    register_module("attention", attention);
  }
  torch::Tensor forward(const torch::Tensor& x) { return old(x); }
  torch::nn::Linear old{3, 3};
  fvhooks::nn::MultiheadAttention attention{4, 2};
};
FVHOOKS_MODULE(HalfPorted);

}  // namespace traced_models

namespace fvhooks {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using traced_models::Block;
using traced_models::HalfPorted;
using traced_models::Model;

class ActivationTraceTest : public ::testing::Test {
 protected:
  ActivationTraceTest() {
    config_.enabled = true;
    config_.stats = {Stat::AbsMean, Stat::Sum};
    config_.output = folder_ / "deep/trace.jsonl";
    before_ = set_warning_handler([this](std::string_view message) { warnings_.emplace_back(message); });
  }
  ~ActivationTraceTest() override { set_warning_handler(std::move(before_)); }

  std::vector<Record> records() const {
    std::vector<Record> all;
    auto reader = TraceReader::open(config_.output);
    if (!reader) return all;
    for (Record record; reader->next(record);) all.push_back(record);
    return all;
  }
  // "module tensor"
  std::vector<std::string> places() const {
    std::vector<std::string> all;
    for (const auto& record : records()) all.push_back(record.module + " " + record.tensor);
    return all;
  }
  static std::size_t hook_count(torch::nn::Module& model) {
    std::set<ForwardHook*> hooks;  // a shared module is met twice
    model.apply([&](torch::nn::Module& module) {
      if (const auto manager = ModuleHookManager::get_from(module))
        for (const auto& hook : manager->forward_hooks()) hooks.insert(hook.get());
    });
    return hooks.size();
  }
  static torch::Tensor input() { return torch::ones({1, 3}); }

  testing::TemporaryFolder folder_;
  TraceConfig config_;
  std::vector<std::string> warnings_;
  WarningHandler before_;
};

TEST_F(ActivationTraceTest, IsEmptyAndHooksNothingWhenOff) {
  Model model;
  config_.enabled = false;
  EXPECT_FALSE(attach_activation_trace(model, config_));
  ::unsetenv("FASTVIDEO_TRACE_ACTIVATIONS");
  EXPECT_FALSE(attach_activation_trace(model));
  EXPECT_FALSE(attach_activation_trace(Model(nullptr), config_));
  model->apply([](torch::nn::Module& module) { EXPECT_EQ(ModuleHookManager::get_from(module), nullptr); });
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(ActivationTraceTest, RecordsEveryModuleButTheRootAndSharedOnesOnce) {
  Model model;
  const auto trace = attach_activation_trace(model, config_, "transformer");
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace.modules(), 7U);
  const auto output = model(input());
  EXPECT_THAT(places(), ElementsAre("blocks.0.fc out", "blocks.0.act out", "blocks.0 out.sample", "blocks.1.fc out",
                                    "blocks.1.act out", "blocks.1 out.sample", "head out"));
  const auto last = records().back();
  EXPECT_EQ(last.root, "transformer");
  EXPECT_NEAR(*last.number("sum"), output.sum().item<double>(), 1e-6);
  EXPECT_EQ(last.sketch.buckets, 64);
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(ActivationTraceTest, RecordsInputsAndTheRootIfAsked) {
  config_.inputs = config_.root = true;
  config_.layers = "^blocks\\.0$";
  Model model;
  const auto trace = attach_activation_trace(model, config_);
  model(input());
  EXPECT_THAT(places(), ElementsAre(" in[0]", "blocks.0 in[0]", "blocks.0 out.sample", " out"));
  model->blocks->at<Block::Impl>(0).forward(input(), input());
  EXPECT_THAT(places(), ::testing::Contains("blocks.0 in[1]"));
  EXPECT_THAT(places(), ::testing::Contains("blocks.0 out.mask"));
}

TEST_F(ActivationTraceTest, TellsStepsAndCallsApart) {
  config_.layers = "head";
  Model model;
  const auto trace = attach_activation_trace(model, config_);
  for (int step = 0; step < 2; ++step) {
    const TraceStep scope(step);
    model(input());
    std::thread([&, carried = current_step()] {
      const TraceStep on_worker(carried);
      model(input());
    }).join();
  }
  std::vector<std::string> keys;
  for (const auto& record : records())
    keys.push_back(std::to_string(*record.step) + "/" + std::to_string(*record.call));
  EXPECT_THAT(keys, ElementsAre("0/0", "0/1", "1/0", "1/1"));
}

TEST_F(ActivationTraceTest, AForwardThatThrowsUsesItsCallUpAndNothingElse) {
  config_.layers = "^blocks\\.0$";
  Model model;
  const auto trace = attach_activation_trace(model, config_);
  auto& block = model->blocks->at<Block::Impl>(0);
  block.fails = true;
  EXPECT_THROW(model(input()), std::runtime_error);
  block.fails = false;
  model(input());
  ASSERT_EQ(records().size(), 1U);
  EXPECT_EQ(records()[0].call, 1U);
}

TEST_F(ActivationTraceTest, DetachesWithTheHandleAndOnlyOnce) {
  Model model;
  {
    auto trace = attach_activation_trace(model, config_);
    auto moved = std::move(trace);
    EXPECT_FALSE(trace);
    EXPECT_EQ(hook_count(*model), 7U);
    moved.detach();
    moved.detach();
    EXPECT_FALSE(moved);
    EXPECT_EQ(hook_count(*model), 0U);
  }
  model(input());
  EXPECT_THAT(records(), IsEmpty());
  const auto again = attach_activation_trace(model, config_);
  EXPECT_TRUE(again);
}

TEST_F(ActivationTraceTest, LeavesOtherHooksAlone) {
  Model model;
  test::hook(*model->head, std::make_shared<test::AddOne>());
  attach_activation_trace(model, config_).detach();
  EXPECT_EQ(hook_count(*model), 1U);
  auto trace = attach_activation_trace(model, config_);
  ModuleHookManager::get_from(*model->head)->remove_forward_hook(ActivationStatHook::kName);
  trace.detach();
  EXPECT_EQ(hook_count(*model), 1U);
}

TEST_F(ActivationTraceTest, ASecondAttachChangesNothingAndSaysWhy) {
  Model model;
  const auto trace = attach_activation_trace(model, config_);
  EXPECT_FALSE(attach_activation_trace(model, config_));
  EXPECT_FALSE(attach_activation_trace(*model->head, [&] {
    auto config = config_;
    config.root = true;
    return config;
  }()));
  EXPECT_FALSE(attach_activation_trace(model, [&] {
    auto config = config_;
    config.layers = "nothing that is traced yet|head";
    return config;
  }()));
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr(config_.output), HasSubstr(config_.output), HasSubstr(config_.output)));
  EXPECT_EQ(hook_count(*model), 7U);
  model(input());
  EXPECT_EQ(records().size(), 7U);
}

TEST_F(ActivationTraceTest, OutlivesTheModel) {
  auto trace = [&] {
    Model model;
    return attach_activation_trace(model, config_);
  }();
  EXPECT_TRUE(trace);
  trace.detach();
  EXPECT_FALSE(trace);
}

TEST_F(ActivationTraceTest, ACloneOfATracedModuleIsNotTraced) {
  nn::Sequential model(nn::Linear(3, 3), nn::SiLU());
  const auto trace = attach_activation_trace(model, config_);
  const auto clone = std::dynamic_pointer_cast<nn::SequentialImpl>(model->clone());
  clone->forward(input());
  EXPECT_THAT(records(), IsEmpty());
  model->forward(input());
  EXPECT_EQ(places(), (std::vector<std::string>{"0 out", "1 out"}));
}

TEST_F(ActivationTraceTest, AnAttachThatFailsLeavesModelAndDiskAsTheyWere) {
  Model model;
  config_.layers = "blocks.(";
  EXPECT_THROW(
      try { attach_activation_trace(model, config_).detach(); } catch (const Exception& error) {
        EXPECT_THAT(error.what(),
                    AllOf(HasSubstr("FASTVIDEO_TRACE_LAYERS"), HasSubstr("blocks.("), HasSubstr("byte 8")));
        throw;
      },
      Exception);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
  config_.layers = "";
  std::ofstream(folder_ / "deep") << "a file where a folder should be";
  EXPECT_THROW(attach_activation_trace(model, config_).detach(), Exception);
  EXPECT_EQ(hook_count(*model), 0U);
}

TEST_F(ActivationTraceTest, APatternThatFindsNothingNamesTheNearest) {
  config_.layers = "blocks.0.fx";
  Model model;
  const auto trace = attach_activation_trace(model, config_);
  EXPECT_TRUE(trace);
  EXPECT_EQ(trace.modules(), 0U);
  EXPECT_THAT(warnings_,
              ElementsAre(AllOf(HasSubstr("\"blocks.0.fx\" finds none of 8"), HasSubstr("\"blocks.0.fc\""))));
}

TEST_F(ActivationTraceTest, PlainModulesAreCountedAndNamedOnceNotContainers) {
  HalfPorted model;
  const auto trace = attach_activation_trace(model, config_);
  EXPECT_EQ(trace.modules(), 1U);
  EXPECT_THAT(warnings_, ElementsAre(AllOf(HasSubstr("1 module"), HasSubstr("\"old\""), HasSubstr("fvhooks::nn"))));
}

TEST_F(ActivationTraceTest, NoStatisticLeftMeansNoTrace) {
  config_.stats.clear();
  Model model;
  EXPECT_FALSE(attach_activation_trace(model, config_));
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("FASTVIDEO_TRACE_STATS")));
}

TEST_F(ActivationTraceTest, FollowsTheEnvironmentAndRefusesABadOne) {
  Model model;
  ::setenv("FASTVIDEO_TRACE_ACTIVATIONS", "1", 1);
  ::setenv("FASTVIDEO_TRACE_OUTPUT", config_.output.c_str(), 1);
  ::setenv("FASTVIDEO_TRACE_LAYERS", "head", 1);
  auto trace = attach_activation_trace(model);
  EXPECT_EQ(trace.modules(), 1U);
  trace.detach();
  ::setenv("FASTVIDEO_TRACE_STEPS", "0-x", 1);
  EXPECT_THROW(attach_activation_trace(model).detach(), Exception);
  for (const auto* name : {"ACTIVATIONS", "OUTPUT", "LAYERS", "STEPS"})
    ::unsetenv((std::string("FASTVIDEO_TRACE_") + name).c_str());
}

TEST_F(ActivationTraceTest, AFullDiskNeverReachesTheModel) {
  config_.output = "/dev/full";
  Model model;
  auto trace = attach_activation_trace(model, config_);
  model(input());
  model(input());
  EXPECT_EQ(trace.tracer().dropped(), 14U);
  trace.detach();
  EXPECT_THAT(warnings_,
              ElementsAre(HasSubstr("/dev/full"), AllOf(HasSubstr("14 trace records"), HasSubstr("/dev/full"))));
}

TEST_F(ActivationTraceTest, ALossThatOnlyDetachMeetsIsToldOnce) {
  config_.output = "/dev/full";
  config_.batch = 100;
  Model model;
  auto trace = attach_activation_trace(model, config_);
  model(input());
  EXPECT_THAT(warnings_, IsEmpty());
  trace.detach();
  EXPECT_THAT(warnings_, ElementsAre(AllOf(HasSubstr("7 trace records"), HasSubstr("/dev/full"))));
}

TEST_F(ActivationTraceTest, AMetaTensorIsARecordToo) {
  nn::Sequential model{nn::Identity()};
  const auto trace = attach_activation_trace(model, config_);
  model->forward(torch::empty({2}, torch::kMeta));
  ASSERT_EQ(records().size(), 1U);
  EXPECT_EQ(std::get<std::string>(*records()[0].find("sum")), "<error: a meta tensor has no values>");
}

TEST(NearestNames, ComparesWithTheEndsOfNamesToo) {
  const std::vector<std::string> names{"blocks.0.attn1.to_q", "blocks.0.ffn", "head"};
  EXPECT_THAT(internal::nearest_names("to_qq", names, 1), ElementsAre("blocks.0.attn1.to_q"));
  EXPECT_THAT(internal::nearest_names("block.0.ffn", names, 1), ElementsAre("blocks.0.ffn"));
  EXPECT_THAT(internal::nearest_names("x", {}, 3), IsEmpty());
}

TEST_F(ActivationTraceTest, UnderInjectionGoesOnFromWhatWasCaptured) {
  torch::manual_seed(1);
  const torch::NoGradGuard no_grad;
  Model model;
  config_.inputs = true;
  config_.capture = folder_ / "capture";
  auto trace = attach_activation_trace(model, config_);
  const auto expected = model(input());
  trace.detach();

  auto& wrong = *model->blocks->ptr<torch::nn::Module>(0)->as<Block>()->fc;
  wrong.weight.mul_(2);
  config_.inject = std::exchange(config_.capture, {});
  config_.output = folder_ / "injected.jsonl";
  trace = attach_activation_trace(model, config_);
  EXPECT_TRUE(torch::equal(model(input()), expected));
  trace.detach();

  for (const auto& record : records()) {
    const bool is_wrong = record.module == "blocks.0.fc" && record.tensor == "out";
    EXPECT_EQ(record.injection.what, record.tensor == "in[0]" ? Injected::Compared : Injected::Replaced);
    EXPECT_EQ(record.injection.error > 0.0, is_wrong) << record.module << " " << record.tensor;
  }
  EXPECT_FALSE(records().empty());
}

TEST_F(ActivationTraceTest, WithoutACaptureToInjectIsNotAttached) {
  Model model;
  config_.inject = folder_ / "nowhere";
  EXPECT_THROW(auto trace = attach_activation_trace(model, config_), Exception);
  EXPECT_EQ(hook_count(*model), 0U);
  EXPECT_FALSE(std::filesystem::exists(config_.output));
}

}  // namespace
}  // namespace fvhooks
