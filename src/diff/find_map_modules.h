#pragma once
// What finding a map needs to know of a trace: of each module one call, in the order of execution.
#include <array>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fvhooks/expected.h"
#include "fvhooks/trace_reader.h"

namespace fvhooks::internal {

// The values of one tensor, as far as its record tells.
struct TensorTrait {
  static constexpr int kBuckets = 64;
  // Statistics that two programs compute alike; NaN where not recorded.
  static constexpr std::array<std::string_view, 6> kStatistics = {"abs_mean", "rms", "std", "abs_max", "min", "max"};

  std::string label;
  std::optional<std::vector<std::int64_t>> shape;
  std::optional<std::array<float, kBuckets>> sketch;
  std::array<double, kStatistics.size()> statistics{};
  double magnitude = 0;  // norm of the sketch, else the first statistic there is; 0: the values say nothing
};

struct ModuleTrait {
  std::string root, name;
  std::vector<TensorTrait> inputs, outputs;
  std::uint64_t order = 0;
  bool is_container = false;  // other modules of the trace lie in it
  bool is_origin = true;      // no module outside of it computed its first output before
};

struct ModuleTraits {
  std::vector<ModuleTrait> modules;  // in the order of execution; each has an output
  std::set<std::optional<std::int64_t>> steps;
  std::optional<std::int64_t> step;  // that the values are from
};

// The first call of each module in `step` (else in the first step), of the last run and the lowest rank.
Expected<ModuleTraits> read_modules(TraceReader& reader, std::optional<std::optional<std::int64_t>> step,
                                    const std::function<void(double)>& progress);

// Relative L2 distance from sketches, else the largest relative difference of a statistic; and how many numbers say so.
struct Distance {
  double apart = 0;
  std::size_t numbers = 0;
};
// Nothing: another number of elements, or nothing in common that says something.
std::optional<Distance> distance(const TensorTrait& a, const TensorTrait& b);

// Equal, but for dimensions of size 1, or not recorded.
bool may_have_one_shape(const TensorTrait& a, const TensorTrait& b);

}  // namespace fvhooks::internal
