#pragma once
// `fvtrace stats FILE`
#include "command.h"

namespace CLI {
class App;
}

namespace fvtrace {

void add_stats(CLI::App& app, Action& action);

}  // namespace fvtrace
