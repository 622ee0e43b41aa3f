#include "offload/residence.h"

#include <algorithm>

namespace fvhooks::internal {
namespace {

constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

}  // namespace

Residence::Residence(const OffloadPlan& plan, const std::vector<std::uint64_t>& block_bytes, std::byte* memory)
    : blocks_(block_bytes.size()),
      own_slot_(block_bytes.size()),
      shared_slots_(plan.slots),
      schedule_(block_bytes.size()),
      cursor_(block_bytes.size() - 1) {
  for (std::size_t i = 0; i < plan.slots; ++i, memory += plan.slot_bytes) slots_.push_back({memory, {}});
  for (std::size_t i = 0; i < block_bytes.size(); ++i) {
    if (!plan.resident[i]) continue;
    own_slot_[i] = slots_.size();
    slots_.push_back({memory, {}});
    memory += block_bytes[i];
  }
}

bool Residence::is_evictable(std::size_t slot) const {
  const auto& holder = slots_[slot].block;
  if (!holder) return true;
  const auto& block = blocks_[*holder];
  return block.leases == 0 && block.wanted == 0 && block.phase != Phase::Loading;
}

bool Residence::only_leases_are_in_the_way(std::size_t block) const {
  if (own_slot_[block]) return false;
  const auto is_leased = [&](const SlotState& slot) { return slot.block && blocks_[*slot.block].leases > 0; };
  return std::all_of(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(shared_slots_), is_leased);
}

std::vector<std::size_t> Residence::distances_from(std::size_t block) const {
  std::vector<std::size_t> distances(blocks_.size(), kNever);
  std::size_t distance = 0;
  schedule_.ahead_of(block, [&](std::size_t next) {
    distances[next] = ++distance;
    return true;
  });
  return distances;
}

// An empty one, else the one whose block is expected last, and later than `distance`.
std::optional<std::size_t> Residence::slot_for(std::size_t block, std::size_t distance) const {
  if (own_slot_[block]) return own_slot_[block];
  const auto distances = distances_from(cursor_);
  std::optional<std::size_t> best;
  std::size_t best_distance = distance;
  for (std::size_t i = 0; i < shared_slots_; ++i) {
    if (!is_evictable(i)) continue;
    const auto& holder = slots_[i].block;
    if (!holder) return i;
    // The block at the cursor is over, or about to be: of all, it is expected back last.
    const auto expected = *holder == cursor_ ? kNever : distances[*holder];
    if (expected > best_distance) {
      best = i;
      best_distance = expected;
    }
  }
  return best;
}

void Residence::assign(std::size_t block, std::size_t slot) {
  if (slots_[slot].block) forget(*slots_[slot].block);
  slots_[slot].block = block;
  blocks_[block].slot = slot;
  blocks_[block].phase = Phase::Queued;
  blocks_[block].error.clear();
}

bool Residence::request(std::size_t block) {
  const auto slot = slot_for(block, 0);
  if (!slot) return false;
  assign(block, *slot);
  queue_.push_front(block);
  return true;
}

void Residence::prefetch(std::size_t depth) {
  std::size_t distance = 0, streamed = 0;
  if (depth == 0) return;
  schedule_.ahead_of(cursor_, [&](std::size_t next) {
    ++distance;
    if (blocks_[next].phase == Phase::Absent) {
      const auto slot = slot_for(next, distance);
      if (!slot) return false;
      assign(next, *slot);
      queue_.push_back(next);
    }
    streamed += !own_slot_[next];
    return streamed < depth;
  });
}

std::optional<std::size_t> Residence::next_load() {
  if (queue_.empty()) return std::nullopt;
  const auto block = queue_.front();
  queue_.pop_front();
  blocks_[block].phase = Phase::Loading;
  return block;
}

void Residence::loaded(std::size_t block) { blocks_[block].phase = Phase::Ready; }

void Residence::forget(std::size_t block) {
  std::erase(queue_, block);
  slots_[blocks_[block].slot].block.reset();
  blocks_[block].phase = Phase::Absent;
}

}  // namespace fvhooks::internal
