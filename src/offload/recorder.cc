#include "offload/recorder.h"

#include <algorithm>

namespace fvhooks::internal {
namespace {

constexpr std::size_t kEventsKept = 65'536;

OffloadEvent event(OffloadEvent::Kind kind, std::size_t block, std::size_t slot, double begin, double end) {
  return {kind, static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(slot), begin, end};
}

}  // namespace

void Recorder::keep(const OffloadEvent& event) {
  if (events_.size() == kEventsKept) events_.pop_front();
  events_.push_back(event);
}

void Recorder::loaded(std::size_t block, std::size_t slot, std::uint64_t bytes, double begin, double end,
                      double cpu_seconds) {
  sums_.bytes_moved += bytes;
  sums_.load_seconds[block] += end - begin;
  ++sums_.loads[block];
  sums_.loader_cpu_seconds += cpu_seconds;
  keep(event(OffloadEvent::Kind::Load, block, slot, begin, end));
}

void Recorder::stalled(std::size_t block, std::size_t slot, double begin, double end) {
  if (!first_use_) first_use_ = begin;
  sums_.stall_seconds[block] += end - begin;
  keep(event(OffloadEvent::Kind::Stall, block, slot, begin, end));
}

void Recorder::used(std::size_t block, std::size_t slot, double begin, double end) {
  if (!first_use_) first_use_ = begin;
  last_use_ = std::max(last_use_, end);
  sums_.use_seconds[block] += end - begin;
  ++sums_.uses[block];
  keep(event(OffloadEvent::Kind::Use, block, slot, begin, end));
}

void Recorder::reset() {
  sums_ = OffloadReport();
  sums_.stall_seconds.assign(blocks_, 0);
  sums_.load_seconds.assign(blocks_, 0);
  sums_.use_seconds.assign(blocks_, 0);
  sums_.uses.assign(blocks_, 0);
  sums_.loads.assign(blocks_, 0);
  events_.clear();
  first_use_.reset();
  last_use_ = 0;
}

OffloadReport Recorder::report() const {
  auto report = sums_;
  if (first_use_) report.wall_seconds = std::max(0.0, last_use_ - *first_use_);
  report.events.assign(events_.begin(), events_.end());
  return report;
}

}  // namespace fvhooks::internal
