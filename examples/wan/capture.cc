#include "capture.h"

#include <utility>

#include "fvhooks/expected.h"
#include "fvhooks/step.h"
#include "fvhooks/torch/hook_manager.h"

namespace wan {
namespace {

class CaptureHook : public fvhooks::ForwardHook {
 public:
  explicit CaptureHook(Tensors& tensors) : tensors_(tensors) {}
  std::string_view name() const override { return "capture"; }

 protected:
  void keep(fvhooks::ValueRef value, std::string_view root, const std::string& prefix, const std::string& suffix) {
    value.walk(root, [&](torch::Tensor& tensor, const fvhooks::Label& label) {
      tensors_.insert_or_assign(prefix + to_string(label) + suffix, tensor.detach().clone());
    });
  }

 private:
  Tensors& tensors_;
};

class CaptureOutputs : public CaptureHook {
 public:
  CaptureOutputs(std::string module, Tensors& tensors) : CaptureHook(tensors), prefix_(std::move(module) + ":") {}
  void post_forward(torch::nn::Module&, fvhooks::ValueRef output) override { keep(output, "out", prefix_, ""); }

 private:
  std::string prefix_;
};

class CaptureCalls : public CaptureHook {
 public:
  using CaptureHook::CaptureHook;
  void pre_forward(torch::nn::Module&, fvhooks::ValueRef args) override {
    const auto step = fvhooks::current_step().value_or(0);
    suffix_ = "@" + std::to_string(step) + "." + std::to_string(calls_[step]++);
    keep(args, "in", "", suffix_);
  }
  void post_forward(torch::nn::Module&, fvhooks::ValueRef output) override { keep(output, "out", "", suffix_); }

 private:
  std::string suffix_;
  std::map<std::int64_t, int> calls_;
};

void attach(torch::nn::Module& module, std::shared_ptr<fvhooks::ForwardHook> hook) {
  fvhooks::ModuleHookManager::get_from_or_default(module)->append_forward_hook(std::move(hook));
}

}  // namespace

void capture_outputs(torch::nn::Module& model, Tensors& tensors) {
  for (const auto& module : model.named_modules())
    if (fvhooks::ModuleHookManager::can_hook(*module.value()))
      attach(*module.value(), std::make_shared<CaptureOutputs>(module.key(), tensors));
}

void capture_calls(torch::nn::Module& model, const std::string& module, Tensors& tensors) {
  const auto modules = model.named_modules();
  const auto* const found = modules.find(module);
  if (!found) throw fvhooks::Exception("there is no module \"" + module + "\" to capture");
  attach(**found, std::make_shared<CaptureCalls>(tensors));
}

}  // namespace wan
