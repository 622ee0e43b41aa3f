#pragma once
// What main.cc and a subcommand agree on.
#include <functional>

namespace fvtrace {

// What the command that was asked for does; returns the exit status.
using Action = std::function<int()>;

}  // namespace fvtrace
