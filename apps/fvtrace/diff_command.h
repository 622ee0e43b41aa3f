#pragma once
// `fvtrace diff REFERENCE PORT`
#include "command.h"

namespace CLI {
class App;
}

namespace fvtrace {

// Adds the subcommand; parsing it puts its action into `action`.
void add_diff(CLI::App& app, Action& action);

}  // namespace fvtrace
