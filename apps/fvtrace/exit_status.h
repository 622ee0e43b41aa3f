#pragma once

namespace fvtrace {

inline constexpr int kDone = 0;  // shown, or checked without a problem
inline constexpr int kAllWithin = 0;
inline constexpr int kDiverged = 1;  // or incomparable
inline constexpr int kProblems = 1;  // of a trace that was checked
inline constexpr int kCouldNotRun = 2;

}  // namespace fvtrace
