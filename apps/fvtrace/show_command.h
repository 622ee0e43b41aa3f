#pragma once
// `fvtrace show FILE`
#include "command.h"

namespace CLI {
class App;
}

namespace fvtrace {

void add_show(CLI::App& app, Action& action);

}  // namespace fvtrace
