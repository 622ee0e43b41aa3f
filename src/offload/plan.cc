#include <algorithm>
#include <cstddef>
#include <numeric>
#include <set>
#include <utility>

#include "fvhooks/offload_plan.h"

namespace fvhooks {
namespace {

using Sizes = std::vector<std::uint64_t>;

// Marks blocks of `allowance` bytes at most, as evenly as their sizes allow: each block earns its share of the
// allowance, and is kept once what was earned pays for it.
void keep_evenly(OffloadPlan& plan, const Sizes& sizes, std::uint64_t allowance) {
  std::uint64_t candidates = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) candidates += plan.resident[i] ? 0 : sizes[i];
  if (candidates == 0) return;
  const double share = std::min(1.0, static_cast<double>(allowance) / static_cast<double>(candidates));
  std::uint64_t kept = 0;
  const auto keep = [&](std::size_t block) {
    plan.resident[block] = true;
    kept += sizes[block];
  };
  double earned = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (plan.resident[i]) continue;
    const auto price = static_cast<double>(sizes[i]);
    earned += price * share;
    if (earned >= price && sizes[i] <= allowance - kept) {
      keep(i);
      earned -= price;
    }
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {  // what rounding and uneven sizes have left over
    if (!plan.resident[i] && sizes[i] <= allowance - kept) keep(i);
  }
  plan.resident_bytes += kept;
}

// Blocks larger than `slot_bytes` stay resident, since no slot takes them; the others as far as the budget goes.
OffloadPlan plan_with_slots(const Sizes& sizes, std::uint64_t slot_bytes, std::size_t slots, std::uint64_t budget) {
  OffloadPlan plan;
  plan.resident.assign(sizes.size(), false);
  plan.slot_bytes = slot_bytes;
  std::size_t streamed = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    plan.resident[i] = sizes[i] > slot_bytes;
    if (plan.resident[i]) plan.resident_bytes += sizes[i];
    streamed += !plan.resident[i];
  }
  plan.slots = std::min(slots, streamed);
  if (plan.total_bytes() < budget) keep_evenly(plan, sizes, budget - plan.total_bytes());
  return plan;
}

OffloadPlan all_resident(const Sizes& sizes) {
  OffloadPlan plan;
  plan.resident.assign(sizes.size(), true);
  plan.resident_bytes = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  return plan;
}

}  // namespace

std::uint64_t least_budget(const Sizes& block_bytes, std::size_t prefetch_depth) {
  auto least = all_resident(block_bytes).total_bytes();
  for (const auto slot_bytes : std::set(block_bytes.begin(), block_bytes.end()))
    least = std::min(least, plan_with_slots(block_bytes, slot_bytes, prefetch_depth + 1, 0).total_bytes());
  return least;
}

Expected<OffloadPlan> plan_residency(const Sizes& block_bytes, std::uint64_t budget, std::size_t prefetch_depth) {
  if (block_bytes.empty()) return Error{"there is no block to offload"};
  const auto everything = all_resident(block_bytes);
  if (everything.total_bytes() <= budget) return everything;

  const std::size_t slots = prefetch_depth + 1;
  const std::set<std::uint64_t> distinct(block_bytes.begin(), block_bytes.end());
  if (budget == 0) return plan_with_slots(block_bytes, *distinct.rbegin(), slots, 0);

  OffloadPlan best;
  for (const auto slot_bytes : distinct) {
    auto plan = plan_with_slots(block_bytes, slot_bytes, slots, budget);
    if (plan.total_bytes() > budget) continue;
    if (best.resident.empty() || plan.resident_bytes > best.resident_bytes) best = std::move(plan);
  }
  if (best.resident.empty()) {
    return Error{"an offload budget of " + std::to_string(budget) + " bytes is too small: " + std::to_string(slots) +
                 " slots (the block in use and the prefetched ones) need at least " +
                 std::to_string(least_budget(block_bytes, prefetch_depth)) +
                 " bytes; raise the budget or lower the prefetch depth"};
  }
  return best;
}

Expected<OffloadPlan> plan_with_residents(const Sizes& block_bytes, std::vector<bool> resident, std::uint64_t budget,
                                          std::size_t prefetch_depth) {
  if (resident.size() != block_bytes.size()) {
    return Error{"residency is said of " + std::to_string(resident.size()) + " blocks, and there are " +
                 std::to_string(block_bytes.size())};
  }
  OffloadPlan plan;
  std::size_t streamed = 0;
  for (std::size_t i = 0; i < block_bytes.size(); ++i) {
    if (resident[i]) {
      plan.resident_bytes += block_bytes[i];
    } else {
      plan.slot_bytes = std::max(plan.slot_bytes, block_bytes[i]);
      ++streamed;
    }
  }
  plan.resident = std::move(resident);
  plan.slots = std::min(prefetch_depth + 1, streamed);
  if (budget > 0 && plan.total_bytes() > budget) {
    return Error{"an offload budget of " + std::to_string(budget) + " bytes is too small: the resident blocks and " +
                 std::to_string(plan.slots) + " slots need " + std::to_string(plan.total_bytes()) + " bytes"};
  }
  return plan;
}

StepBound step_bound(const OffloadPlan& plan, const std::vector<double>& compute_seconds,
                     const std::vector<double>& transfer_seconds) {
  StepBound bound;
  bound.compute = std::accumulate(compute_seconds.begin(), compute_seconds.end(), 0.0);
  for (std::size_t i = 0; i < transfer_seconds.size(); ++i) {
    if (!plan.resident[i]) bound.transfer += transfer_seconds[i];
  }
  return bound;
}

}  // namespace fvhooks
