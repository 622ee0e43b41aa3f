#include "torch/record_tensor.h"

#include <exception>
#include <utility>

#include "fvhooks/torch/tensor_view.h"
#include "torch/device_stats.h"
#include "torch/error_message.h"
#include "torch/span_of.h"
#include "torch/viewed_tensors.h"

namespace fvhooks::internal {
namespace {

void record_on_device(Tracer& tracer, std::string_view module, const TraceCall& call, const Label& label,
                      const at::Tensor& tensor, const Injection& injection) {
  const auto sizes = span_of(tensor.sizes());
  const auto dtype = *dtype_of(tensor.scalar_type());
  const auto opaque = [&](std::string_view reason) {
    tracer.record(module, call, label, OpaqueTensor{reason, torch_name(dtype), sizes}, injection);
  };
  if (!tracer.reads_values())
    return tracer.record(module, call, label, TensorView{nullptr, dtype, sizes, {}}, injection);
  DeferredTensor deferred{dtype, sizes, nullptr};
  try {
    if (is_captured(tensor.device())) return opaque("a graph of the device's work is being captured");
    deferred.stats = device_stats(tensor, tracer.config().sketch > 0);
  } catch (const std::exception& error) {
    return opaque(message_of(error));
  }
  tracer.record(module, call, label, std::move(deferred), injection);
}

bool is_readable(const at::Tensor& tensor) {
  try {
    return why_opaque(tensor).empty();
  } catch (const std::exception&) {  // HostTensor will say why
    return false;
  }
}

bool is_computed_on_device(const Tracer& tracer, const at::Tensor& tensor) {
  if (tensor.is_cpu() && !tracer.config().device_path) return false;
  return is_readable(tensor) && tensor.numel() > 0;
}

void record_as_it_is(Tracer& tracer, std::string_view module, const TraceCall& call, const Label& label,
                     const at::Tensor& tensor, const Injection& injection) {
  if (is_computed_on_device(tracer, tensor)) return record_on_device(tracer, module, call, label, tensor, injection);
  const HostTensor host(tensor);
  if (const auto* const view = host.view())
    tracer.record(module, call, label, *view, injection);
  else
    tracer.record(module, call, label, OpaqueTensor{host.reason(), host.dtype_name(), host.sizes()}, injection);
}

}  // namespace

void record_tensor(Tracer& tracer, CapturedSide& captured, std::string_view module, const TraceCall& call,
                   const Label& label, const at::Tensor& tensor, const Injection& injection) {
  if (!call.recorded) return;
  const auto record = [&](std::string_view as_module, const TraceCall& as_call, const Label& as,
                          const at::Tensor& as_it_is) {
    record_as_it_is(tracer, as_module, as_call, as, as_it_is, injection);
    captured.add(as_module, as_call, as, as_it_is);
  };
  const auto* const views = tracer.views_of(module);
  const auto viewed = views && is_readable(tensor) ? viewed_tensors(*views, call, label, tensor) : std::nullopt;
  if (!viewed) return record(module, call, label, tensor);
  for (const auto& each : *viewed)
    record(each.module, each.call, Label{nullptr, std::string_view(each.label)}, each.tensor);
}

}  // namespace fvhooks::internal
