#pragma once
// Joins what was computed of consecutive tiles and chunks. The order of joining is part of docs/statistics.md.
#include "stats/tile.h"

namespace fvhooks::internal {

inline void merge(Census& into, const Census& next) noexcept {
  into.nan += next.nan;
  into.inf += next.inf;
  into.zeros += next.zeros;
  if (next.min < into.min) into.min = next.min;
  if (next.max > into.max) into.max = next.max;
}

// Chan, Golub, LeVeque 1979.
inline void merge(Moments& into, const Moments& next) noexcept {
  if (next.count == 0) return;
  if (into.count == 0) {
    into = next;
    return;
  }
  const std::uint64_t count = into.count + next.count;
  const double weight = static_cast<double>(next.count) / static_cast<double>(count);
  const double delta = next.mean - into.mean;
  into.m2 = (into.m2 + next.m2) + (delta * delta) * (static_cast<double>(into.count) * weight);
  into.mean += delta * weight;
  into.sum += next.sum;
  into.magnitude += next.magnitude;
  into.count = count;
}

}  // namespace fvhooks::internal
