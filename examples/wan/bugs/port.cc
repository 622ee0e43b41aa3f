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

class PlantedUse : public Planted {
 public:
  explicit PlantedUse(Port::Use use) : use_(std::move(use)) {}
  void pre_forward(torch::nn::Module&, fvhooks::ValueRef args) override { input_ = *args[0].get<Tensor>(); }
  void post_forward(torch::nn::Module&, fvhooks::ValueRef output) override {
    auto& tensor = *output.get<Tensor>();
    tensor = use_(std::exchange(input_, {}), tensor);
  }

 private:
  Port::Use use_;
  Tensor input_;
};

class PlantedPass : public Planted {
 public:
  explicit PlantedPass(Port::Pass pass) : pass_(std::move(pass)) {}
  void pre_forward(torch::nn::Module&, fvhooks::ValueRef args) override { pass_(args); }

 private:
  Port::Pass pass_;
};

class PlantedChange : public Planted {
 public:
  explicit PlantedChange(Port::Change change) : change_(std::move(change)) {}
  void post_forward(torch::nn::Module&, fvhooks::ValueRef output) override { change_(output); }

 private:
  Port::Change change_;
};

void attach(torch::nn::Module& module, std::shared_ptr<fvhooks::ForwardHook> hook) {
  fvhooks::ModuleHookManager::get_from_or_default(module)->append_forward_hook(std::move(hook));
}

}  // namespace

void Port::caller_uses(torch::nn::Module& module, Use use) {
  attach(module, std::make_shared<PlantedUse>(std::move(use)));
}

void Port::caller_passes(torch::nn::Module& module, Pass pass) {
  attach(module, std::make_shared<PlantedPass>(std::move(pass)));
}

void Port::module_returns(torch::nn::Module& module, Use use) {
  once_traced_.push_back([&module, hook = std::make_shared<PlantedUse>(std::move(use))] { attach(module, hook); });
}

void Port::module_returns_changed(torch::nn::Module& module, Change change) {
  once_traced_.push_back(
      [&module, hook = std::make_shared<PlantedChange>(std::move(change))] { attach(module, hook); });
}

void Port::finish() {
  for (const auto& attach_hook : std::exchange(once_traced_, {})) attach_hook();
}

}  // namespace wan
