#include "fvhooks/torch/activation_trace.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <optional>
#include <utility>
#include <vector>

#include "fvhooks/torch/hook_manager.h"
#include "fvhooks/warning.h"
#include "torch/injector.h"
#include "torch/record_tensor.h"
#include "torch/torch_threads.h"
#include "torch/trace_targets.h"

namespace fvhooks {
namespace {

// The calls that this thread is inside of, innermost last. Pushed and popped in pairs: a forward that throws comes to
// forward_failed.
thread_local std::vector<TraceCall> calls_under_way;

TraceCall leave_call() noexcept {
  const auto call = calls_under_way.back();
  calls_under_way.pop_back();
  return call;
}

void warn_through_torch_unless_handled() {
  if (!has_warning_handler()) set_warning_handler([](std::string_view message) { TORCH_WARN(message); });
}

struct Hooked {
  std::shared_ptr<ModuleHookManager> manager;
  std::shared_ptr<ActivationStatHook> hook;
};

const Tracer* trace_of(const torch::nn::Module& module) {
  const auto manager = ModuleHookManager::get_from(module);
  const auto hook = manager ? manager->get_forward_hook(ActivationStatHook::kName) : nullptr;
  const auto* const traced = dynamic_cast<const ActivationStatHook*>(hook.get());
  return traced ? &traced->tracer() : nullptr;
}

// The trace that the model, or any part of it, is under; null if there is none.
const Tracer* present_trace(const torch::nn::Module& model) {
  if (const auto* const tracer = trace_of(model)) return tracer;
  for (const auto& module : model.modules(/*include_self=*/false))
    if (const auto* const tracer = trace_of(*module)) return tracer;
  return nullptr;
}

}  // namespace

void ActivationStatHook::pre_forward(torch::nn::Module&, ValueRef args) {
  const auto call = tracer_->enter(module_);
  calls_under_way.push_back(call);
  if (tracer_->config().inputs) record(CaptureSide::Inputs, call, args);
}

void ActivationStatHook::post_forward(torch::nn::Module&, ValueRef output) {
  record(CaptureSide::Output, leave_call(), output);
}

void ActivationStatHook::forward_failed(torch::nn::Module&) noexcept { leave_call(); }

void ActivationStatHook::record(CaptureSide side, const TraceCall& call, ValueRef value) const {
  if (!call.recorded) return;
  try {
    std::optional<internal::Injector::Side> injected;
    if (injector_) injected = injector_->side(module_, call, side);
    internal::CapturedSide captured(*tracer_, side);
    value.walk(side == CaptureSide::Inputs ? "in" : "out", [&](at::Tensor& tensor, const Label& label) {
      const auto compared = injected ? injected->compare(label, tensor) : internal::ComparedTensor();
      internal::record_tensor(*tracer_, captured, module_, call, label, tensor, compared.injection);
      if (compared.replacement.defined()) tensor = compared.replacement;
    });
    captured.write();
  } catch (const std::exception& trouble) {  // a value that cannot be walked is no trouble of the model's
    warn("a value of module \"" + module_ + "\" could not be traced: " + trouble.what());
  }
}

struct ActivationTrace::State {
  explicit State(std::shared_ptr<Tracer> opened) : tracer(std::move(opened)) {}
  // Here and not in ActivationTrace, so that an attach that fails half way undoes itself.
  ~State() {
    for (const auto& each : hooked) each.manager->remove_forward_hook(*each.hook);
    tracer->flush();
  }

  const std::shared_ptr<Tracer> tracer;
  std::vector<Hooked> hooked;
};

ActivationTrace::ActivationTrace() noexcept = default;
ActivationTrace::ActivationTrace(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
ActivationTrace::ActivationTrace(ActivationTrace&&) noexcept = default;
ActivationTrace& ActivationTrace::operator=(ActivationTrace&&) noexcept = default;
ActivationTrace::~ActivationTrace() { detach(); }

void ActivationTrace::detach() noexcept { state_ = nullptr; }

const Tracer& ActivationTrace::tracer() const noexcept { return *state_->tracer; }
std::size_t ActivationTrace::modules() const noexcept { return state_->hooked.size(); }

ActivationTrace attach_activation_trace(torch::nn::Module& model, const TraceConfig& config, std::string root) {
  if (!config.enabled) return {};
  warn_through_torch_unless_handled();
  if (config.stats.empty()) {
    warn("FASTVIDEO_TRACE_STATS names no statistic that there is: nothing is traced");
    return {};
  }
  const auto targets = internal::trace_targets(model, config);
  if (const auto* const tracer = present_trace(model)) {
    warn("the model, or a part of it, is traced to " + tracer->path() +
         " already: detach that trace first. Nothing was attached");
    return {};
  }
  const auto injector = internal::Injector::open(config, root).value();
  internal::use_torch_threads();
  auto state = std::make_unique<ActivationTrace::State>(Tracer::open(config, std::move(root)).value());
  state->tracer->match_views(internal::module_names(model));
  for (const auto& target : targets) {
    const Hooked hooked{ModuleHookManager::get_from_or_default(*target.module),
                        std::make_shared<ActivationStatHook>(target.name, state->tracer, injector)};
    hooked.manager->append_forward_hook(hooked.hook);
    state->hooked.push_back(hooked);
  }
  return ActivationTrace(std::move(state));
}

ActivationTrace attach_activation_trace(torch::nn::Module& model, std::string root) {
  warn_through_torch_unless_handled();
  return attach_activation_trace(model, trace_config_from().value(), std::move(root));
}

}  // namespace fvhooks
