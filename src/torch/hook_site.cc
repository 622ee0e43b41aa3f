#include "fvhooks/torch/internal/hook_site.h"

#include "fvhooks/torch/hook_manager.h"

namespace fvhooks {

void ForwardHook::on_attach(torch::nn::Module&) {}
void ForwardHook::on_detach(torch::nn::Module&) {}
void ForwardHook::pre_forward(torch::nn::Module&, ValueRef) {}
void ForwardHook::post_forward(torch::nn::Module&, ValueRef) {}
void ForwardHook::forward_failed(torch::nn::Module&) noexcept {}

namespace internal {

HookSite::~HookSite() {
  if (manager_) manager_->forget_site();
}

HookedCall::HookedCall(const HookList& hooks, torch::nn::Module& module, ValueRef args)
    : hooks_(hooks), module_(module) {
  try {
    for (; entered_ < hooks_.size(); ++entered_) hooks_[entered_]->pre_forward(module_, args);
  } catch (...) {
    fail();
    throw;
  }
}

void HookedCall::finish(ValueRef output) {
  while (entered_ > 0) hooks_[--entered_]->post_forward(module_, output);
}

HookedCall::~HookedCall() { fail(); }

void HookedCall::fail() noexcept {
  while (entered_ > 0) hooks_[--entered_]->forward_failed(module_);
}

}  // namespace internal
}  // namespace fvhooks
