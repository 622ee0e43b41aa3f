#pragma once
#include "fvhooks/stats.h"

namespace fvhooks::internal {

ParallelFor parallel_for() noexcept;  // that set_parallel_for was given last

}  // namespace fvhooks::internal
