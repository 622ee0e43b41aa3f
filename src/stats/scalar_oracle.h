#pragma once
// A tile in plain C++, as docs/statistics.md and docs/sketch.md have it: every kernel must give these bits.
#include "stats/tile.h"

namespace fvhooks::test {

internal::TileSums scalar_tile(DType dtype, const std::byte* stored, std::size_t count, std::uint64_t tile,
                               double* sketch);

}  // namespace fvhooks::test
