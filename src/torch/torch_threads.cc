#include "torch/torch_threads.h"

#include <ATen/Parallel.h>

#include "fvhooks/stats.h"

namespace fvhooks::internal {

void use_torch_threads() noexcept {
  set_parallel_for([](std::size_t count, ParallelWork work, void* context) {
    at::parallel_for(0, static_cast<std::int64_t>(count), /*grain_size=*/1, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) work(context, static_cast<std::size_t>(i));
    });
  });
}

}  // namespace fvhooks::internal
