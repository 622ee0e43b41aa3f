#pragma once
// The statistics that a trace can ask for, by the names of FASTVIDEO_TRACE_STATS (docs/statistics.md).
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace fvhooks {

enum class Stat : std::uint8_t { AbsMean, Sum, Min, Max, Mean, Std, Shape, DType, Rms, AbsMax, Zeros };

std::string_view stat_name(Stat stat) noexcept;
std::optional<Stat> stat_from_name(std::string_view name) noexcept;

// All of them, FastVideo's eight first.
std::span<const Stat> all_stats() noexcept;

}  // namespace fvhooks
