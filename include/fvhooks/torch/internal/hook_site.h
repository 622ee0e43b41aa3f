#pragma once
// What an instrumented module carries: its call slot and its hooks.
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "fvhooks/internal/snapshot.h"
#include "fvhooks/torch/forward_hook.h"

namespace fvhooks {

class ModuleHookManager;

namespace internal {

using HookList = std::vector<std::shared_ptr<ForwardHook>>;

// The slot is the address of what forward calls: the real forward, or, while there are hooks, a function that runs
// them around it. It is loaded relaxed, which costs nothing: what goes by it is only whether to look for hooks. A call
// that reads an old address runs without hooks, or finds that there are none left.
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
  // Those of a call that begins now.
  Snapshot<HookList>::Reading hooks() const noexcept { return hooks_.read(); }

 private:
  friend class fvhooks::ModuleHookManager;

  std::atomic<Function> slot_;
  Function plain_, hooked_;
  Snapshot<HookList> hooks_;
  mutable std::mutex mutex_;  // guards what follows
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
