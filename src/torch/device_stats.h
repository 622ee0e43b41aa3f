#pragma once
// Statistics of a tensor that is not in host memory: computed where it lies, and fetched by one copy that nothing waits
// for. `bits` of docs/statistics.md are for the host: here the bounds of that page hold, the order of summation does
// not.
#include <ATen/core/Tensor.h>

#include <memory>

#include "fvhooks/deferred_stats.h"

namespace fvhooks::internal {

// Enqueues the computation behind what the current stream of the tensor's device has to do. Neither waits for it nor
// records anything for autograd. Precondition: the tensor's values can be read (why_opaque). Throws what torch throws.
std::unique_ptr<DeferredStats> device_stats(const at::Tensor& tensor, bool sketch);

// Whether the device is recording its work into a graph, in which nothing may be read.
bool is_captured(c10::Device device);

}  // namespace fvhooks::internal
