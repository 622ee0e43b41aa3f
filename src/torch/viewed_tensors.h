#pragma once
// The tensors that are recorded in the place of one, as FASTVIDEO_TRACE_VIEW says (docs/view.md).
#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "fvhooks/tracer.h"

namespace fvhooks::internal {

class ModuleViews;

struct ViewedTensor {
  std::string module, label;
  TraceCall call;
  at::Tensor tensor;  // shares the memory of the one viewed, but where that takes a copy
};

// Nullopt: the tensor is recorded as it is. Nothing is recorded for autograd. Precondition: the tensor's elements can
// be read.
std::optional<std::vector<ViewedTensor>> viewed_tensors(const ModuleViews& views, const TraceCall& call,
                                                        const Label& label, const at::Tensor& tensor);

}  // namespace fvhooks::internal
