#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "fvhooks/offload.h"
#include "offload/page.h"
#include "offload/recorder.h"
#include "offload/residence.h"

namespace fvhooks {
namespace {

using internal::BlockState;
using internal::Phase;

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Slots begin at pages.
std::vector<std::uint64_t> page_sizes(const Transfer& transfer) {
  std::vector<std::uint64_t> sizes;
  for (std::size_t i = 0; i < transfer.blocks(); ++i) sizes.push_back(internal::page_end(transfer.bytes(i)));
  return sizes;
}

Expected<std::monostate> fetch(Transfer& transfer, std::size_t block, std::size_t slot, std::byte* to) {
  try {
    return transfer.fetch(block, slot, to);
  } catch (const std::exception& trouble) {
    return Error{trouble.what()};
  }
}

}  // namespace

struct OffloadEngine::State {
  State(std::shared_ptr<Transfer> way, OffloadPlan planned, std::vector<std::uint64_t> sizes, std::byte* arena,
        std::size_t prefetch_depth)
      : transfer(std::move(way)),
        plan(std::move(planned)),
        memory(arena),
        depth(prefetch_depth),
        residence(plan, sizes, arena),
        recorder(sizes.size()) {}
  ~State() { transfer->release(memory, plan.total_bytes()); }

  bool is_forked_child() const { return ::getpid() != owner; }
  void load_until_stopped();
  void stop();
  // Waits for the block; an error's text, or nothing.
  std::optional<std::string> wait_for(std::unique_lock<std::mutex>& lock, std::size_t block, bool exclusive);
  bool is_free_to_take(const BlockState& state, bool exclusive) const;
  bool would_wait_for_ever(std::size_t block, bool exclusive);

  const std::shared_ptr<Transfer> transfer;
  const OffloadPlan plan;
  std::byte* const memory;
  const std::size_t depth;
  const pid_t owner = ::getpid();

  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  internal::Residence residence;
  internal::Recorder recorder;
  std::multiset<std::thread::id> holders;  // of leases
  std::set<std::thread::id> waiting;
  bool stopped = false;
  std::thread loader;
};

struct BlockLease::Hold {
  std::shared_ptr<OffloadEngine::State> state;
  std::size_t block = 0, slot = 0;
  std::byte* data = nullptr;
  std::thread::id thread;
  double begin = 0;
  bool exclusive = false, committed = false;

  static void give_back(Hold* hold);
};

void BlockLease::Hold::give_back(Hold* owned) {
  const std::unique_ptr<Hold> hold(owned);
  auto& state = *hold->state;
  if (state.is_forked_child()) return;
  state.transfer->after_use(hold->slot);
  const std::scoped_lock lock(state.mutex);
  auto& block = state.residence.block(hold->block);
  --block.leases;
  state.holders.erase(state.holders.find(hold->thread));
  if (hold->exclusive) {
    block.exclusive = false;
    if (!hold->committed) state.residence.forget(hold->block);
  }
  state.recorder.used(hold->block, hold->slot, hold->begin, state.recorder.now());
  state.residence.prefetch(state.depth);
  state.changed.notify_all();
}

std::byte* BlockLease::data() const noexcept { return hold_->data; }
std::size_t BlockLease::slot() const noexcept { return hold_->slot; }

void OffloadEngine::State::load_until_stopped() {
  std::unique_lock lock(mutex);
  while (true) {
    std::optional<std::size_t> next;
    changed.wait(lock, [&] { return stopped || (next = residence.next_load()); });
    if (stopped) return;
    const auto slot = residence.block(*next).slot;
    auto* const to = residence.slot(slot).memory;
    const double begin = recorder.now(), cpu = thread_cpu_seconds();
    lock.unlock();
    auto outcome = fetch(*transfer, *next, slot, to);
    lock.lock();
    if (outcome) {
      residence.loaded(*next);
      recorder.loaded(*next, slot, transfer->bytes(*next), begin, recorder.now(), thread_cpu_seconds() - cpu);
    } else {
      residence.forget(*next);
      residence.block(*next).error = outcome.error().message;
    }
    changed.notify_all();
  }
}

void OffloadEngine::State::stop() {
  {
    const std::scoped_lock lock(mutex);
    stopped = true;
  }
  changed.notify_all();
  loader.join();
}

bool OffloadEngine::State::is_free_to_take(const BlockState& state, bool exclusive) const {
  return state.phase == Phase::Ready && !state.exclusive && !(exclusive && state.leases > 0);
}

// All who could make room hold leases and wait themselves, this thread among them.
bool OffloadEngine::State::would_wait_for_ever(std::size_t block, bool exclusive) {
  const auto& state = residence.block(block);
  const bool is_held = state.exclusive || (exclusive && state.leases > 0);
  if (!is_held && (state.phase != Phase::Absent || !residence.only_leases_are_in_the_way(block))) return false;
  return std::all_of(holders.begin(), holders.end(), [&](std::thread::id holder) { return waiting.contains(holder); });
}

std::optional<std::string> OffloadEngine::State::wait_for(std::unique_lock<std::mutex>& lock, std::size_t block,
                                                          bool exclusive) {
  auto& state = residence.block(block);
  state.error.clear();
  while (!is_free_to_take(state, exclusive)) {
    if (!state.error.empty()) return state.error;
    if (state.phase == Phase::Absent && residence.request(block)) {
      residence.prefetch(depth);
      changed.notify_all();
    }
    if (would_wait_for_ever(block, exclusive)) {
      return "block " + std::to_string(block) +
             " finds no slot: all are in use by forwards that wait for one another; a larger prefetch depth gives more "
             "slots";
    }
    changed.wait(lock);
  }
  return std::nullopt;
}

Expected<std::unique_ptr<OffloadEngine>> OffloadEngine::open(std::shared_ptr<Transfer> transfer,
                                                             const OffloadOptions& options) {
  auto sizes = page_sizes(*transfer);
  auto plan = options.resident.empty()
                  ? plan_residency(sizes, options.budget, options.prefetch_depth)
                  : plan_with_residents(sizes, options.resident, options.budget, options.prefetch_depth);
  if (!plan) return plan.error();
  const auto memory = transfer->allocate(plan->total_bytes());
  if (!memory) return memory.error();
  auto state =
      std::make_shared<State>(std::move(transfer), *std::move(plan), std::move(sizes), *memory, options.prefetch_depth);
  state->residence.prefetch(state->depth);
  state->loader = std::thread(&State::load_until_stopped, state.get());
  ::pthread_setname_np(state->loader.native_handle(), "fvhooks-offload");  // for who looks at a process's threads
  return std::unique_ptr<OffloadEngine>(new OffloadEngine(std::move(state)));
}

OffloadEngine::OffloadEngine(std::shared_ptr<State> state) : state_(std::move(state)) {}

OffloadEngine::~OffloadEngine() {
  // The child of a fork has a copy of the loader's handle and no such thread: what cannot be ended is left alone.
  if (state_->is_forked_child()) {
    new std::shared_ptr<State>(std::move(state_));
    return;
  }
  state_->stop();
}

namespace {

template <class Hold, class State>
Expected<std::unique_ptr<Hold, void (*)(Hold*)>> hold_block(const std::shared_ptr<State>& state, std::size_t block,
                                                            bool exclusive) {
  if (state->is_forked_child()) {
    return Error{
        "an offloaded model cannot run in a forked child, where the thread that loads its blocks is not; start "
        "the process with spawn, or enable the offload in the child"};
  }
  std::unique_lock lock(state->mutex);
  if (block >= state->residence.block_count()) return Error{"there is no block " + std::to_string(block)};
  const auto thread = std::this_thread::get_id();
  const double begin = state->recorder.now();
  state->residence.observe(block);
  auto& place = state->residence.block(block);
  const bool is_there = state->is_free_to_take(place, exclusive);
  if (!is_there) {
    state->waiting.insert(thread);
    ++place.wanted;
    const auto failure = state->wait_for(lock, block, exclusive);
    --place.wanted;
    state->waiting.erase(thread);
    if (failure) return Error{*failure};
    state->recorder.stalled(block, place.slot, begin, state->recorder.now());
  }
  ++place.leases;
  place.exclusive = exclusive;
  state->holders.insert(thread);
  state->residence.prefetch(state->depth);
  state->changed.notify_all();
  std::unique_ptr<Hold, void (*)(Hold*)> hold(
      new Hold{state, block, place.slot, state->residence.slot(place.slot).memory, thread, state->recorder.now(),
               exclusive, false},
      &Hold::give_back);
  lock.unlock();
  state->transfer->before_use(hold->slot);
  return hold;
}

}  // namespace

Expected<BlockLease> OffloadEngine::acquire(std::size_t block) {
  auto hold = hold_block<BlockLease::Hold>(state_, block, /*exclusive=*/false);
  if (!hold) return hold.error();
  return BlockLease(*std::move(hold));
}

Expected<BlockLease> OffloadEngine::acquire_to_change(std::size_t block) {
  auto hold = hold_block<BlockLease::Hold>(state_, block, /*exclusive=*/true);
  if (!hold) return hold.error();
  return BlockLease(*std::move(hold));
}

Expected<std::monostate> OffloadEngine::commit(const BlockLease& changed) {
  auto& hold = *changed.hold_;
  if (!hold.exclusive) return Error{"only a lease that was taken to change a block can be committed"};
  auto outcome = state_->transfer->put(hold.block, hold.slot, hold.data);
  hold.committed = outcome.has_value();
  return outcome;
}

const OffloadPlan& OffloadEngine::plan() const noexcept { return state_->plan; }
std::uint64_t OffloadEngine::allocated_bytes() const noexcept { return state_->plan.total_bytes(); }

OffloadReport OffloadEngine::report() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->recorder.report();
}

void OffloadEngine::reset_report() {
  const std::scoped_lock lock(state_->mutex);
  state_->recorder.reset();
}

}  // namespace fvhooks
