#pragma once
// What an instrumented module carries: its call slot and its hooks.
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "fvhooks/torch/forward_hook.h"

namespace fvhooks {

class ModuleHookManager;

namespace internal {

using HookList = std::vector<std::shared_ptr<ForwardHook>>;

// The slot is the address of what forward calls: the real forward, or, while there are hooks, a function that runs
// them around it. It is loaded relaxed, which costs nothing: whoever reads the new address takes `mutex_` next, and so
// sees the list that was published before; whoever reads an old one finds that list empty, or runs without hooks.
class HookSite {
 public:
  using Function = void (*)();  // to be cast back to what it is

  // A copy starts without hooks, an assigned module keeps its own.
  HookSite(const HookSite& other) noexcept : HookSite(other.plain_, other.hooked_) {}
  HookSite& operator=(const HookSite&) noexcept { return *this; }

 protected:
  HookSite(Function plain, Function hooked) noexcept : slot_(plain), plain_(plain), hooked_(hooked) {}
  ~HookSite();

  Function slot() const noexcept { return slot_.load(std::memory_order_relaxed); }
  bool is_hooked() const noexcept { return slot() == hooked_; }
  // Null if there are none.
  std::shared_ptr<const HookList> hooks() const;

 private:
  friend class fvhooks::ModuleHookManager;

  std::atomic<Function> slot_;
  Function plain_, hooked_;
  mutable std::mutex mutex_;
  std::shared_ptr<const HookList> hooks_;  // never changed, only replaced
  std::shared_ptr<ModuleHookManager> manager_;
};

// One forward under hooks: pre_forward now, then finish(), or forward_failed if it is destroyed without.
class HookedCall {
 public:
  HookedCall(const HookList& hooks, torch::nn::Module& module, ValueRef args);
  ~HookedCall();
  HookedCall(const HookedCall&) = delete;
  HookedCall& operator=(const HookedCall&) = delete;
  void finish(ValueRef output);

 private:
  void fail() noexcept;

  const HookList& hooks_;
  torch::nn::Module& module_;
  std::size_t entered_ = 0;  // hooks [0, entered_) still await their post_forward
};

}  // namespace internal
}  // namespace fvhooks
