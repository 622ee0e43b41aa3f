#pragma once
// Keeps the blocks of a model in a store that is larger and slower than the memory that computes, and brings each in
// just ahead of its use, within a fixed number of bytes. Knows bytes, not tensors: src/torch puts parameters on them.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "fvhooks/expected.h"
#include "fvhooks/offload_plan.h"

namespace fvhooks {

// The way between the store and the fast memory. Called by one loader thread, except where said.
class Transfer {
 public:
  virtual ~Transfer() = default;
  virtual std::size_t blocks() const noexcept = 0;                  // any thread
  virtual std::size_t bytes(std::size_t block) const noexcept = 0;  // of its flat buffer; any thread
  virtual Expected<std::byte*> allocate(std::size_t bytes) = 0;     // of the fast memory; when an engine is opened
  virtual void release(std::byte* memory, std::size_t bytes) noexcept = 0;
  // Brings a block to `slot`, or has it on its way when it returns: then before_use waits for it.
  virtual Expected<std::monostate> fetch(std::size_t block, std::size_t slot, std::byte* to) = 0;
  // Replaces the block in the store, whole or not at all. On the thread of a mutation.
  virtual Expected<std::monostate> put(std::size_t block, std::size_t slot, const std::byte* from) = 0;
  // On the thread that computes: its work from here on finds the block in `slot`; its work up to here is the last that
  // does. A device's streams wait for each other's events here, never the host.
  virtual void before_use(std::size_t slot) { static_cast<void>(slot); }
  virtual void after_use(std::size_t slot) noexcept { static_cast<void>(slot); }
};

struct OffloadOptions {
  std::uint64_t budget = 0;        // bytes of fast memory, never exceeded; 0: two slots more than nothing resident
  std::size_t prefetch_depth = 1;  // blocks on their way ahead of the one in use
  std::vector<bool> resident =
      {};  // the blocks to keep, one by one; empty: as many as the budget allows, spread evenly
};

// One use of a block's bytes, given back by the destructor.
class BlockLease {
 public:
  BlockLease(BlockLease&&) noexcept = default;
  BlockLease& operator=(BlockLease&&) noexcept = default;
  std::byte* data() const noexcept;
  std::size_t slot() const noexcept;

 private:
  friend class OffloadEngine;
  struct Hold;
  explicit BlockLease(std::unique_ptr<Hold, void (*)(Hold*)> hold) : hold_(std::move(hold)) {}
  std::unique_ptr<Hold, void (*)(Hold*)> hold_;
};

// Any thread. A failure is the error of the call that needed the block; the next call tries again. In a forked child,
// where the loader thread is not, every call is refused.
class OffloadEngine {
 public:
  // Errors: a budget that cannot hold two slots (the message says how much would do), or memory that is not to be had.
  static Expected<std::unique_ptr<OffloadEngine>> open(std::shared_ptr<Transfer> transfer,
                                                       const OffloadOptions& options);
  ~OffloadEngine();  // waits for what is on its way; leases must be gone

  // Waits until the block is there. An error if it cannot be read, or if no slot can become free because those who hold
  // them all wait for one.
  Expected<BlockLease> acquire(std::size_t block);

  // A lease that nobody shares, to change the bytes. `commit` puts them into the store; without it they are forgotten.
  Expected<BlockLease> acquire_to_change(std::size_t block);
  Expected<std::monostate> commit(const BlockLease& changed);

  const OffloadPlan& plan() const noexcept;
  std::uint64_t allocated_bytes() const noexcept;  // of fast memory, now and at most

  OffloadReport report() const;  // since it was opened, or reset
  void reset_report();

 private:
  friend class BlockLease;
  struct State;
  explicit OffloadEngine(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace fvhooks
