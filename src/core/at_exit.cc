#include "core/at_exit.h"

#include <cstdlib>
#include <mutex>
#include <utility>
#include <vector>

#include "core/fork_safe_mutex.h"

namespace fvhooks::internal {
namespace {

struct LastWords {
  std::weak_ptr<void> object;
  void (*speak)(void* object);
};

struct Registry {
  ForkSafeMutex mutex;
  std::vector<LastWords> members;
};

void speak_all();

// Never destroyed: which of the process's statics goes last is not ours to say.
Registry& registry() {
  static auto* const instance = [] {
    std::atexit(speak_all);
    return new Registry;
  }();
  return *instance;
}

void speak_all() {
  std::vector<LastWords> members;
  {
    const std::lock_guard lock(registry().mutex);
    members.swap(registry().members);
  }
  for (const auto& [object, speak] : members) {
    if (const auto alive = object.lock()) speak(alive.get());
  }
}

}  // namespace

void at_exit(const std::shared_ptr<void>& object, void (*last_words)(void* object)) {
  auto& [mutex, members] = registry();
  const std::lock_guard lock(mutex);
  std::erase_if(members, [](const LastWords& member) { return member.object.expired(); });
  members.push_back({object, last_words});
}

}  // namespace fvhooks::internal
