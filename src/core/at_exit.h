#pragma once
// Last words of objects that still live when the process ends.
#include <memory>

namespace fvhooks::internal {

// Calls last_words(object) when the process ends, if somebody still owns `object` then.
void at_exit(const std::shared_ptr<void>& object, void (*last_words)(void* object));

}  // namespace fvhooks::internal
