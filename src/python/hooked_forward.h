#pragma once
// What stands in the `forward` of a Python module that has hooks.
#include <pybind11/pybind11.h>

namespace fvhooks::internal {

// Binds HookedForward(manager, attribute): a callable that runs the hooks of `manager` around its module's own forward,
// as long as the module holds the manager under `attribute`. The hooks of a trace are called without a step through
// Python. ModuleTrace must be bound already.
void bind_hooked_forward(pybind11::module_& m);

}  // namespace fvhooks::internal
