#pragma once
// The denoise step that records are labelled with.
#include <cstdint>
#include <optional>

namespace fvhooks {

// The step of this thread; nullopt outside every TraceStep.
std::optional<std::int64_t> current_step() noexcept;

// Sets this thread's step while it lives, then puts back what was there; nests. Construct and destroy on one thread,
// inner scopes first. To carry a step to a worker: `auto step = current_step();` here, `TraceStep scope(step);` there.
class TraceStep {
 public:
  explicit TraceStep(std::optional<std::int64_t> step) noexcept;
  ~TraceStep();
  TraceStep(const TraceStep&) = delete;
  TraceStep& operator=(const TraceStep&) = delete;

 private:
  std::optional<std::int64_t> before_;
};

}  // namespace fvhooks
