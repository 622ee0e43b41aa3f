#include "port.h"

#include <utility>

#include "fvhooks/torch/hook_manager.h"

namespace wan {
namespace {

class Planted : public fvhooks::ForwardHook {
 public:
  std::string_view name() const override { return name_; }

 private:
  static inline int count_ = 0;
  std::string name_ = "planted " + std::to_string(count_++);
};

class PlantedResult : public Planted {
 public:
  explicit PlantedResult(Port::Result result) : result_(std::move(result)) {}
  void pre_forward(torch::nn::Module&, fvhooks::ValueRef args) override { input_ = *args[0].get<Tensor>(); }
  void post_forward(torch::nn::Module&, fvhooks::ValueRef output) override {
    auto& tensor = *output.get<Tensor>();
    tensor = result_(std::exchange(input_, {}), tensor);
  }

 private:
  Port::Result result_;
  Tensor input_;
};

class PlantedArguments : public Planted {
 public:
  explicit PlantedArguments(Port::Change change) : change_(std::move(change)) {}
  void pre_forward(torch::nn::Module&, fvhooks::ValueRef args) override { change_(args); }

 private:
  Port::Change change_;
};

class PlantedOutput : public Planted {
 public:
  explicit PlantedOutput(Port::Change change) : change_(std::move(change)) {}
  void post_forward(torch::nn::Module&, fvhooks::ValueRef output) override { change_(output); }

 private:
  Port::Change change_;
};

void attach(torch::nn::Module& module, std::shared_ptr<fvhooks::ForwardHook> hook) {
  fvhooks::ModuleHookManager::get_from_or_default(module)->append_forward_hook(std::move(hook));
}

}  // namespace

void Port::caller_passes(torch::nn::Module& module, Change arguments) {
  attach(module, std::make_shared<PlantedArguments>(std::move(arguments)));
}

void Port::caller_uses(torch::nn::Module& module, Result result) {
  attach(module, std::make_shared<PlantedResult>(std::move(result)));
}

void Port::module_returns(torch::nn::Module& module, Result result) {
  once_traced_.push_back(
      [&module, hook = std::make_shared<PlantedResult>(std::move(result))] { attach(module, hook); });
}

void Port::module_returns_changed(torch::nn::Module& module, Change output) {
  once_traced_.push_back(
      [&module, hook = std::make_shared<PlantedOutput>(std::move(output))] { attach(module, hook); });
}

void Port::finish() {
  for (const auto& attach_hook : std::exchange(once_traced_, {})) attach_hook();
}

}  // namespace wan
