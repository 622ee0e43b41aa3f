#pragma once
// Warnings of the library, handed to Python.
#include <pybind11/pybind11.h>

namespace fvhooks::internal {

// From now on warnings go to `handler(message)`; None: to standard error, for the time when Python is going or gone.
//
// A warning is handed over with the warnings' own lock held, and the handler then waits for the GIL. So whatever may
// warn is called without the GIL, or two threads wait for one another.
void set_python_warning_handler(pybind11::object handler);

}  // namespace fvhooks::internal
