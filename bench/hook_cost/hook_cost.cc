// What a hookable module costs a call. Run under callgrind (run.py does): each measured loop is dumped under its name.
#include <fvhooks/torch/hook_manager.h>
#include <fvhooks/torch/nn.h>
#include <valgrind/callgrind.h>

#include "hook_cost/modules.h"

namespace {

constexpr int kCalls = 1000;
constexpr int kWarmUpCalls = 100;  // until malloc's free lists look the same for each

template <class Call>
[[gnu::noinline]] void measure(const char* name, Call call) {
  for (int i = 0; i < kWarmUpCalls; ++i) call();
  CALLGRIND_START_INSTRUMENTATION;
  CALLGRIND_ZERO_STATS;
  for (int i = 0; i < kCalls; ++i) call();
  CALLGRIND_DUMP_STATS_AT(name);
  CALLGRIND_STOP_INSTRUMENTATION;
}

// An address that the compiler knows nothing of.
template <class Module>
Module* opaque(Module* module) {
  asm volatile("" : "+r"(module));
  return module;
}

template <class Holder>
void measure_scalar(const char* name, Holder holder) {
  measure(name, [module = opaque(holder.get())] { asm volatile("" : : "r"(module->forward(1))); });
}

template <class Holder>
void measure_tensor(const char* name, Holder holder, const torch::Tensor& x) {
  measure(name, [module = opaque(holder.get()), &x] { module->forward(x); });
}

class EmptyHook : public fvhooks::ForwardHook {
 public:
  std::string_view name() const override { return "EmptyHook"; }
};

template <class Holder>
Holder with_empty_hook(Holder holder) {
  fvhooks::ModuleHookManager::get_from_or_default(*holder)->append_forward_hook(std::make_shared<EmptyHook>());
  return holder;
}

}  // namespace

int main() {
  using namespace hook_cost;
  const torch::NoGradGuard no_grad;
  torch::set_num_threads(1);
  const auto x = torch::ones({1, 64});

  measure_scalar("trivial plain", PlainTrivial());
  measure_scalar("trivial off", HookableTrivial());
  measure_scalar("trivial on", with_empty_hook(HookableTrivial()));
  measure_tensor("by_value plain", PlainByValue(), x);
  measure_tensor("by_value off", HookableByValue(), x);
  // One instance for both: where its weights happen to lie moves the count by more than a slot does.
  fvhooks::nn::Linear linear(64, 64);
  measure("linear plain", [module = opaque(linear.get()), &x] { module->torch::nn::LinearImpl::forward(x); });
  measure_tensor("linear off", linear, x);
  measure_tensor("sequential plain", torch::nn::Sequential(torch::nn::Identity()), x);
  measure_tensor("sequential off", fvhooks::nn::Sequential(fvhooks::nn::Identity()), x);
}
