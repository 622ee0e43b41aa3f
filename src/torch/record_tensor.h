#pragma once
// From a tensor to its record, whatever device it is on.
#include <ATen/core/Tensor.h>

#include <string_view>

#include "fvhooks/tracer.h"
#include "torch/captured_side.h"

namespace fvhooks::internal {

// Records one tensor of `captured`'s side, and adds it there. Precondition: the tensor is defined. Trouble with it
// becomes part of the record.
void record_tensor(Tracer& tracer, CapturedSide& captured, std::string_view module, const TraceCall& call,
                   const Label& label, const at::Tensor& tensor, const Injection& injection = {});

}  // namespace fvhooks::internal
