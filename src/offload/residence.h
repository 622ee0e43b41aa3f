#pragma once
// Which block is in which slot, and in what state: the bookkeeping of an engine, without threads. The engine's lock
// guards it.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "fvhooks/offload_plan.h"
#include "offload/schedule.h"

namespace fvhooks::internal {

enum class Phase : std::uint8_t { Absent, Queued, Loading, Ready };

struct BlockState {
  Phase phase = Phase::Absent;
  std::size_t slot = 0;    // unless Absent
  std::size_t leases = 0;  // a leased block is Ready, and stays
  std::size_t wanted = 0;  // by who waits for it: its slot is nobody else's
  bool exclusive = false;  // the lease is one to change it
  std::string error;       // of the last load, if that failed
};

struct SlotState {
  std::byte* memory = nullptr;
  std::optional<std::size_t> block;  // that it holds, or will
};

class Residence {
 public:
  // `memory` holds plan.total_bytes(): the shared slots first, then the resident blocks.
  Residence(const OffloadPlan& plan, const std::vector<std::uint64_t>& block_bytes, std::byte* memory);

  BlockState& block(std::size_t index) { return blocks_[index]; }
  SlotState& slot(std::size_t index) { return slots_[index]; }
  std::size_t block_count() const { return blocks_.size(); }
  // All slots that this block could use hold blocks that are leased.
  bool only_leases_are_in_the_way(std::size_t block) const;

  void observe(std::size_t block) { schedule_.observe(block), cursor_ = block; }
  // Queues a block that is needed now, before all others. False if no slot can be had at the moment.
  bool request(std::size_t block);
  // Queues what is expected after the block last observed: `depth` streamed blocks and the resident ones between them.
  void prefetch(std::size_t depth);

  std::optional<std::size_t> next_load();  // takes one from the queue; it is Loading then
  void loaded(std::size_t block);
  void forget(std::size_t block);  // its slot is free

 private:
  std::optional<std::size_t> slot_for(std::size_t block, std::size_t distance) const;
  bool is_evictable(std::size_t slot) const;
  void assign(std::size_t block, std::size_t slot);
  std::vector<std::size_t> distances_from(std::size_t block) const;

  std::vector<BlockState> blocks_;
  std::vector<SlotState> slots_;
  std::vector<std::optional<std::size_t>> own_slot_;  // of resident blocks
  std::size_t shared_slots_;
  std::deque<std::size_t> queue_;
  Schedule schedule_;
  std::size_t cursor_;
};

}  // namespace fvhooks::internal
