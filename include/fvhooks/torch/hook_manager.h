#pragma once
// The hooks of one module.
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "fvhooks/torch/forward_hook.h"
#include "fvhooks/torch/internal/hook_site.h"

namespace fvhooks {

// Made by get_from_or_default and owned by the module; copies and clones of the module have none. Any thread may edit
// hooks, also while forwards run, also from inside a hook: a call runs to its end with the hooks that it began with. A
// module that is destroyed drops its hooks without on_detach; a manager that outlives it holds no hooks.
class ModuleHookManager {
 public:
  // Null if the module has none, or is not instrumented.
  static std::shared_ptr<ModuleHookManager> get_from(const torch::nn::Module& module);
  // Throws std::invalid_argument if the module is not instrumented: use FVHOOKS_MODULE or the layers of fvhooks::nn.
  static std::shared_ptr<ModuleHookManager> get_from_or_default(torch::nn::Module& module);
  // Removes all hooks, the last first, and the manager. Nothing happens if there is none.
  static void remove_from_manager(torch::nn::Module& module);
  // Whether the module can have hooks.
  static bool can_hook(const torch::nn::Module& module) noexcept;

  // Throw std::invalid_argument, with the name, if it is taken (append) or unknown (replace, remove).
  void append_forward_hook(std::shared_ptr<ForwardHook> hook);
  // The new hook stands where the old one stood, under its own name. As in FastVideo, run_on_attach says whether the
  // old one's on_detach is run first; the new one's on_attach always is. If that throws the old hook is back.
  void replace_forward_hook(std::string_view name, std::shared_ptr<ForwardHook> hook, bool run_on_attach = true);
  void remove_forward_hook(std::string_view name, bool run_detach = true);
  // This very hook, if it is attached here; false if not.
  bool remove_forward_hook(const ForwardHook& hook, bool run_detach = true);

  // Null if there is none of that name.
  std::shared_ptr<ForwardHook> get_forward_hook(std::string_view name) const;
  std::vector<std::shared_ptr<ForwardHook>> forward_hooks() const;  // in order

 private:
  friend class internal::HookSite;
  ModuleHookManager(internal::HookSite& site, torch::nn::Module& module) noexcept : site_(&site), module_(&module) {}
  internal::HookList current() const;
  void publish(internal::HookList hooks);
  void forget_site() noexcept;

  // Held while a hook is attached or detached, and recursive since a hook's on_attach may edit hooks too. Forwards do
  // not take it.
  mutable std::recursive_mutex editing_;
  internal::HookSite* site_;  // null once the module is gone
  torch::nn::Module* module_;
};

}  // namespace fvhooks
