#pragma once
// Which blocks stay in fast memory, what a step then takes, and what it took.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fvhooks/expected.h"

namespace fvhooks {

struct OffloadPlan {
  std::vector<bool> resident;  // by block
  std::size_t slots = 0;       // for the others, each of slot_bytes
  std::uint64_t slot_bytes = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t total_bytes() const noexcept { return resident_bytes + slots * slot_bytes; }
};

// Keeps as many bytes resident as the budget allows beside prefetch_depth + 1 slots, spread evenly over the order of
// execution: then the transfer of a streamed block hides behind the computation of its resident neighbours. A budget
// for everything needs no slot. Errors: too small a budget; the message says what the least is.
Expected<OffloadPlan> plan_residency(const std::vector<std::uint64_t>& block_bytes, std::uint64_t budget,
                                     std::size_t prefetch_depth);
// That plan_residency can plan with; 0 of no blocks.
std::uint64_t least_budget(const std::vector<std::uint64_t>& block_bytes, std::size_t prefetch_depth);

// Keeps just those that are said to be resident. Errors: too small a budget (0 is none), or a flag too many or too few.
Expected<OffloadPlan> plan_with_residents(const std::vector<std::uint64_t>& block_bytes, std::vector<bool> resident,
                                          std::uint64_t budget, std::size_t prefetch_depth);

// The least time of a step whose transfers hide behind its computation: max(ΣC, Σ X of the streamed blocks), seconds.
struct StepBound {
  double compute = 0, transfer = 0;
  double seconds() const noexcept { return compute > transfer ? compute : transfer; }
};
StepBound step_bound(const OffloadPlan& plan, const std::vector<double>& compute_seconds,
                     const std::vector<double>& transfer_seconds);

// What happened on a timeline, in seconds since the engine was opened.
struct OffloadEvent {
  enum class Kind : std::uint8_t { Load, Stall, Use };
  Kind kind = Kind::Load;
  std::uint32_t block = 0;
  std::uint32_t slot = 0;
  double begin = 0, end = 0;
};

struct OffloadReport {
  double wall_seconds = 0;        // from the first acquire to the last release
  double loader_cpu_seconds = 0;  // processor time spent on moving, by the loader's own thread
  std::uint64_t bytes_moved = 0;
  std::vector<double> stall_seconds, load_seconds, use_seconds;  // by block, summed
  std::vector<std::uint64_t> uses, loads;
  std::vector<OffloadEvent> events;  // the latest 65,536

  double stalled() const noexcept;
  // Of the time that the same computation and the same transfers needed at least, the share: 1 is the best there is.
  double efficiency() const noexcept;
};

// The events as Chrome's trace format (JSON object form), which Perfetto opens.
std::string chrome_trace(const OffloadReport& report);

}  // namespace fvhooks
