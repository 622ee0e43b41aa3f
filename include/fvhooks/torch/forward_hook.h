#pragma once
// A hook around the forward of a module.
#include <string_view>

#include "fvhooks/torch/value_ref.h"

namespace torch::nn {
class Module;
}

namespace fvhooks {

// Derive, override what is needed, hand to ModuleHookManager::append_forward_hook. One hook may serve several modules;
// forwards on several threads call it at once. What a hook throws reaches the caller of forward.
class ForwardHook {
 public:
  virtual ~ForwardHook() = default;

  // The same all its life; unique among the hooks of a module.
  virtual std::string_view name() const = 0;

  // Before the first call can reach the hook, and after it was removed (calls under way still end with it).
  // If on_attach throws the hook is not attached.
  virtual void on_attach(torch::nn::Module& module);
  virtual void on_detach(torch::nn::Module& module);

  // Before forward, in the order of attachment. args[i] is the argument i; what is assigned to it, or to a tensor leaf,
  // is what forward gets. A `const T&` argument was copied: the caller's own is never changed.
  virtual void pre_forward(torch::nn::Module& module, ValueRef args);
  // After forward, in reverse order. What is assigned to the output is what the caller gets.
  virtual void post_forward(torch::nn::Module& module, ValueRef output);
  // In place of post_forward, if pre_forward of this hook returned and then something threw. In reverse order.
  virtual void forward_failed(torch::nn::Module& module) noexcept;
};

}  // namespace fvhooks
