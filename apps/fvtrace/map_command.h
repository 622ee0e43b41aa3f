#pragma once
// `fvtrace map REFERENCE PORT`
#include "command.h"

namespace CLI {
class App;
}

namespace fvtrace {

// Adds the subcommand; parsing it puts its action into `action`.
void add_map(CLI::App& app, Action& action);

}  // namespace fvtrace
