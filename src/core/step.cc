#include "fvhooks/step.h"

#include <utility>

namespace fvhooks {
namespace {

thread_local std::optional<std::int64_t> t_step;

}  // namespace

std::optional<std::int64_t> current_step() noexcept { return t_step; }

TraceStep::TraceStep(std::optional<std::int64_t> step) noexcept : before_(std::exchange(t_step, step)) {}

TraceStep::~TraceStep() { t_step = before_; }

}  // namespace fvhooks
