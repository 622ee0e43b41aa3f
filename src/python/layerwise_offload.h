#pragma once
#include <pybind11/pybind11.h>

namespace fvhooks::internal {

void bind_layerwise_offload(pybind11::module_& m);

}  // namespace fvhooks::internal
