#pragma once
// Traces the activations of a model, as the environment asks for (docs/record.md lists the variables):
//
//     const auto trace = fvhooks::attach_activation_trace(model, "transformer");
//     for (step …) { const fvhooks::TraceStep scope(step); model->forward(…); }
//
// With FASTVIDEO_TRACE_ACTIVATIONS unset nothing is attached, and the model runs as if this were not there.
#include <cstdint>
#include <memory>
#include <string>

#include "fvhooks/config.h"
#include "fvhooks/step.h"
#include "fvhooks/torch/forward_hook.h"
#include "fvhooks/tracer.h"

namespace fvhooks {
namespace internal {
class Injector;
}
enum class CaptureSide : std::uint8_t;

// Records the outputs of one module, and its inputs if the configuration says so; with an injector they are compared
// with captured ones, which take their place.
class ActivationStatHook final : public ForwardHook {
 public:
  static constexpr std::string_view kName = "ActivationStatHook";

  ActivationStatHook(std::string module, std::shared_ptr<Tracer> tracer,
                     std::shared_ptr<const internal::Injector> injector = nullptr)
      : module_(std::move(module)), tracer_(std::move(tracer)), injector_(std::move(injector)) {}

  std::string_view name() const override { return kName; }
  void pre_forward(torch::nn::Module& module, ValueRef args) override;
  void post_forward(torch::nn::Module& module, ValueRef output) override;
  void forward_failed(torch::nn::Module& module) noexcept override;

  const Tracer& tracer() const noexcept { return *tracer_; }

 private:
  void record(CaptureSide side, const TraceCall& call, ValueRef value) const;

  std::string module_;
  std::shared_ptr<Tracer> tracer_;
  std::shared_ptr<const internal::Injector> injector_;  // null: none
};

// A model under trace, until this is destroyed; false if nothing is traced. May outlive the model, and be moved to and
// destroyed on any thread, also while forwards run.
class [[nodiscard]] ActivationTrace {
 public:
  ActivationTrace() noexcept;
  ActivationTrace(ActivationTrace&&) noexcept;
  ActivationTrace& operator=(ActivationTrace&&) noexcept;
  ~ActivationTrace();

  explicit operator bool() const noexcept { return state_ != nullptr; }

  // Idempotent; flushes. The last trace on an output closes it, which tells how many records were lost
  // unless a warning has told it.
  void detach() noexcept;

  // Precondition: it is true.
  const Tracer& tracer() const noexcept;
  std::size_t modules() const noexcept;  // that are hooked

 private:
  struct State;
  friend ActivationTrace attach_activation_trace(torch::nn::Module&, const TraceConfig&, std::string);
  explicit ActivationTrace(std::unique_ptr<State> state) noexcept;

  std::unique_ptr<State> state_;
};

// Hooks every instrumented module under `model` whose name the pattern finds, under its first name if it has several;
// the model itself, as "", only if the configuration says so. `root` names the component in the records.
//
// Empty, with a warning, if no statistic is left, or if one of the modules is traced already: detach that trace first.
// Throws fvhooks::Exception, and leaves the model and the disk as they were, for a bad value in the environment, a bad
// pattern, an output that cannot be opened, views that cannot be read. Warnings: modules that cannot be hooked, a
// pattern or a view that finds none. Where the program has set no warning handler, one that uses TORCH_WARN is.
ActivationTrace attach_activation_trace(torch::nn::Module& model, const TraceConfig& config, std::string root = {});
// As the environment says.
ActivationTrace attach_activation_trace(torch::nn::Module& model, std::string root = {});

// The same for a shared_ptr or a holder (nn::Linear, what FVHOOKS_MODULE made); nothing for a null one.
template <class Pointer, class... More>
  requires requires(const Pointer& model) { static_cast<bool>(model), *model; }
ActivationTrace attach_activation_trace(const Pointer& model, More&&... more) {
  if (!model) return {};
  return attach_activation_trace(const_cast<std::remove_cvref_t<decltype(*model)>&>(*model),
                                 std::forward<More>(more)...);
}

}  // namespace fvhooks
