#pragma once

namespace fvtrace {

inline constexpr int kAllWithin = 0;
inline constexpr int kDiverged = 1;  // or incomparable
inline constexpr int kCouldNotRun = 2;

}  // namespace fvtrace
