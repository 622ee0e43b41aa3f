#pragma once

namespace fvhooks::internal {

// Statistics of large tensors run on torch's own threads from now on, as many as torch.set_num_threads allows: a second
// pool would compete with them. Within a parallel loop of torch they stay on the calling thread.
void use_torch_threads() noexcept;

}  // namespace fvhooks::internal
