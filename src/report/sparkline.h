#pragma once
// A curve in one line of text.
#include <cstddef>
#include <span>
#include <string>

#include "fvhooks/verdict.h"

namespace fvhooks::internal {

// The error of each point as the height of a block, on a logarithmic scale; of more points than `width`, the largest of
// neighbours. Points above their threshold are red where there is colour.
std::string sparkline(std::span<const CurvePoint> points, std::size_t width, bool colour);

}  // namespace fvhooks::internal
