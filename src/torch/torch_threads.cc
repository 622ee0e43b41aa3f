#include "torch/torch_threads.h"

#include <ATen/EmptyTensor.h>
#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>

#include "fvhooks/stats.h"

namespace fvhooks::internal {
namespace {

// at::parallel_for is a template, a loop of one thread in whatever is compiled without OpenMP; and to compile it with
// OpenMP would load a runtime beside torch's, unless ours is linked with the very library that this torch came with.
// TensorIterator's loop is compiled into torch: it shares the elements of a tensor out, here a byte for each piece of
// work.
void on_torch_threads(std::size_t count, ParallelWork work, void* context) {
  const auto bytes = at::detail::empty_cpu({static_cast<std::int64_t>(count)}, at::TensorOptions(at::kByte));
  const auto* const first = static_cast<const char*>(bytes.const_data_ptr());
  auto pieces = at::TensorIterator::borrowing_nullary_op(bytes);
  const auto take = [&](char** data, const std::int64_t*, std::int64_t columns, std::int64_t rows) {
    const auto begin = static_cast<std::size_t>(data[0] - first);
    for (std::size_t i = begin; i < begin + static_cast<std::size_t>(columns * rows); ++i) work(context, i);
  };
  pieces.for_each(take, /*grain_size=*/1);
}

void parallel_for(std::size_t count, ParallelWork work, void* context) {
  if (count > 1 && at::get_num_threads() > 1 && !at::in_parallel_region())
    return on_torch_threads(count, work, context);
  for (std::size_t i = 0; i < count; ++i) work(context, i);
}

}  // namespace

void use_torch_threads() noexcept { set_parallel_for(&parallel_for); }

}  // namespace fvhooks::internal
