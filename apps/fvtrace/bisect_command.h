#pragma once
// `fvtrace bisect --reference CMD --port CMD`
#include "command.h"

namespace CLI {
class App;
}

namespace fvtrace {

// Adds the subcommand; parsing it puts its action into `action`.
void add_bisect(CLI::App& app, Action& action);

}  // namespace fvtrace
