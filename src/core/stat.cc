#include "fvhooks/stat.h"

#include <array>

namespace fvhooks {
namespace {

constexpr std::array<Stat, 11> kStats{Stat::AbsMean, Stat::Sum,   Stat::Min, Stat::Max,    Stat::Mean, Stat::Std,
                                      Stat::Shape,   Stat::DType, Stat::Rms, Stat::AbsMax, Stat::Zeros};
constexpr std::array<std::string_view, 11> kNames{"abs_mean", "sum",   "min", "max",     "mean", "std",
                                                  "shape",    "dtype", "rms", "abs_max", "zeros"};

}  // namespace

std::string_view stat_name(Stat stat) noexcept { return kNames[static_cast<std::size_t>(stat)]; }

std::optional<Stat> stat_from_name(std::string_view name) noexcept {
  for (const auto stat : kStats)
    if (stat_name(stat) == name) return stat;
  return std::nullopt;
}

std::span<const Stat> all_stats() noexcept { return kStats; }

}  // namespace fvhooks
