#pragma once
// `fvtrace diff REFERENCE PORT`
#include <functional>

namespace CLI {
class App;
}

namespace fvtrace {

// What the command that was asked for does; returns the exit status.
using Action = std::function<int()>;

// Adds the subcommand; parsing it puts its action into `action`.
void add_diff(CLI::App& app, Action& action);

}  // namespace fvtrace
