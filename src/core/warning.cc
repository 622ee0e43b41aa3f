#include "fvhooks/warning.h"

#include <pthread.h>

#include <mutex>
#include <new>
#include <utility>

namespace fvhooks {
namespace {

struct Holder {
  std::recursive_mutex mutex;  // a handler may itself end up warning
  WarningHandler handler;
};

// Never destroyed: other statics warn while the process ends.
Holder& holder() {
  static auto* const instance = [] {
    // In a forked child nobody is in the handler, whoever was in it when the process forked. Waiting for them before
    // the fork would not do: in Python they may wait for the interpreter's lock, which the forking thread holds.
    ::pthread_atfork(nullptr, nullptr, [] { ::new (&holder().mutex) std::recursive_mutex; });
    return new Holder;
  }();
  return *instance;
}

}  // namespace

WarningHandler set_warning_handler(WarningHandler handler) {
  const std::lock_guard lock(holder().mutex);
  return std::exchange(holder().handler, std::move(handler));
}

bool has_warning_handler() noexcept {
  const std::lock_guard lock(holder().mutex);
  return static_cast<bool>(holder().handler);
}

void warn(std::string_view message) noexcept {
  try {
    const std::lock_guard lock(holder().mutex);
    // A copy: the handler may replace itself while it runs.
    if (const auto handler = holder().handler) handler(message);
  } catch (...) {  // A warning must not become the model's trouble.
  }
}

}  // namespace fvhooks
