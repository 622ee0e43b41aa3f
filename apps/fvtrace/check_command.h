#pragma once
// `fvtrace check FILE...`
#include "command.h"

namespace CLI {
class App;
}

namespace fvtrace {

void add_check(CLI::App& app, Action& action);

}  // namespace fvtrace
