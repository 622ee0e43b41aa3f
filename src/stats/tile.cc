#include "stats/tile.h"

// Not worth their size beside the others, or of no fixed length.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#define HWY_TARGET_INCLUDE "stats/tile.cc"
#include "hwy/foreach_target.h"
#include "stats/tile-inl.h"

#if HWY_ONCE
namespace fvhooks::internal {

HWY_EXPORT(AddTile);

TileSums add_tile(DType dtype, const std::byte* stored, std::size_t count, std::uint64_t tile, double* sketch) {
  return HWY_DYNAMIC_DISPATCH(AddTile)(dtype, stored, count, tile, sketch);
}

std::int64_t tile_targets() { return HWY_TARGETS & hwy::SupportedTargets(); }

}  // namespace fvhooks::internal
#endif
