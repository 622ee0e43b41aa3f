#pragma once
// Hooks that tests attach.
#include <torch/nn/module.h>

#include <string>
#include <vector>

#include "fvhooks/torch/hook_manager.h"

namespace fvhooks::test {

inline std::shared_ptr<ModuleHookManager> hook(torch::nn::Module& module, std::shared_ptr<ForwardHook> hook) {
  auto manager = ModuleHookManager::get_from_or_default(module);
  manager->append_forward_hook(std::move(hook));
  return manager;
}

// Adds to each tensor of the output.
class AddOne : public ForwardHook {
 public:
  explicit AddOne(double amount = 1) : amount_(amount) {}
  std::string_view name() const override { return "AddOne"; }
  void post_forward(torch::nn::Module&, ValueRef output) override {
    output.walk("out", [&](at::Tensor& tensor, const Label&) { tensor = tensor + amount_; });
  }

 private:
  double amount_;
};

// Writes down what happens to it, and what it sees.
class Recorder : public ForwardHook {
 public:
  explicit Recorder(std::string name = "Recorder", std::vector<std::string>* events = nullptr)
      : name_(std::move(name)), events_(events ? events : &own_events_) {}

  std::string_view name() const override { return name_; }
  void on_attach(torch::nn::Module&) override { note("attach"); }
  void on_detach(torch::nn::Module&) override { note("detach"); }
  void pre_forward(torch::nn::Module&, ValueRef args) override { note("pre", "in", args); }
  void post_forward(torch::nn::Module&, ValueRef output) override { note("post", "out", output); }
  void forward_failed(torch::nn::Module&) noexcept override { note("failed"); }

  const std::vector<std::string>& events() const { return *events_; }
  std::vector<std::string> labels;

 private:
  void note(std::string_view what) { events_->push_back(name_ + " " + std::string(what)); }
  void note(std::string_view what, std::string_view root, ValueRef value) {
    note(what);
    value.walk(root, [&](at::Tensor&, const Label& label) { labels.push_back(to_string(label)); });
  }

  std::string name_;
  std::vector<std::string> own_events_;
  std::vector<std::string>* events_;
};

}  // namespace fvhooks::test
