#pragma once

namespace fvhooks::internal {

// Statistics of large tensors run on torch's own threads from now on, as many as torch.set_num_threads allows: a second
// pool would compete with them. In a build without OpenMP torch's loop is the calling thread alone, as in ours now.
void use_torch_threads() noexcept;

}  // namespace fvhooks::internal
