#pragma once
// What an engine did, for its report. Not thread-safe: the engine's lock guards it.
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>

#include "fvhooks/offload_plan.h"

namespace fvhooks::internal {

class Recorder {
 public:
  explicit Recorder(std::size_t blocks) : blocks_(blocks), opened_(std::chrono::steady_clock::now()) { reset(); }

  double now() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - opened_).count(); }
  void loaded(std::size_t block, std::size_t slot, std::uint64_t bytes, double begin, double end, double cpu_seconds);
  void stalled(std::size_t block, std::size_t slot, double begin, double end);
  void used(std::size_t block, std::size_t slot, double begin, double end);
  void reset();
  OffloadReport report() const;

 private:
  void keep(const OffloadEvent& event);

  std::size_t blocks_;
  std::chrono::steady_clock::time_point opened_;
  OffloadReport sums_;
  std::deque<OffloadEvent> events_;
  std::optional<double> first_use_;
  double last_use_ = 0;
};

}  // namespace fvhooks::internal
