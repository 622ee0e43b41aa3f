#pragma once
// `fvtrace offload-plan CHECKPOINT --budget SIZE`
#include "command.h"

namespace CLI {
class App;
}

namespace fvtrace {

// Adds the subcommand; parsing it puts its action into `action`.
void add_offload_plan(CLI::App& app, Action& action);

}  // namespace fvtrace
