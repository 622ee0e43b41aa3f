#include "torch/captured_side.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "fvhooks/torch/tensor_view.h"
#include "torch/behind_dispatch.h"
#include "torch/device_stats.h"
#include "torch/error_message.h"
#include "torch/span_of.h"

namespace fvhooks::internal {
namespace {

std::string why_not_captured(const at::Tensor& tensor) {
  auto reason = why_opaque(tensor);
  if (reason.empty() && is_captured(tensor.device())) reason = "a graph of the device's work is being captured";
  return reason;
}

// Its elements one after the other in host memory: its own, where they lie so there.
at::Tensor in_host_memory(const at::Tensor& tensor) {
  const BehindDispatch nobody_between;
  return tensor.to(c10::kCPU).resolve_conj().resolve_neg().contiguous();
}

}  // namespace

void CapturedSide::add(std::string_view module, const TraceCall& call, const Label& label,
                       const at::Tensor& tensor) noexcept {
  auto* const captures = tracer_.captures();
  if (!captures) return;
  try {
    if (const auto reason = why_not_captured(tensor); !reason.empty()) return captures->leave_out(reason);
    keep(file_of(tracer_.capture_key(module, call, side_)), label, tensor);
  } catch (const std::exception& error) {
    captures->leave_out(message_of(error));
  }
}

CapturedSide::File& CapturedSide::file_of(CaptureKey key) {
  const auto found = std::ranges::find(files_, key, &File::key);
  if (found != files_.end()) return *found;
  return files_.emplace_back(File{std::move(key), {}});
}

void CapturedSide::keep(File& file, const Label& label, const at::Tensor& tensor) {
  // Beyond the limit a tensor only counts: nobody looks at its values.
  const auto& kept = kept_.emplace_back(tracer_.captures()->is_full() ? tensor : in_host_memory(tensor));
  file.tensors.push_back({to_string(label), TensorView{.data = kept.const_data_ptr(),
                                                       .dtype = *dtype_of(kept.scalar_type()),
                                                       .sizes = span_of(kept.sizes()),
                                                       .strides = span_of(kept.strides())}});
}

void CapturedSide::write() noexcept {
  for (const auto& file : files_) tracer_.captures()->write(file.key, file.tensors);
  files_.clear();
  kept_.clear();
}

}  // namespace fvhooks::internal
