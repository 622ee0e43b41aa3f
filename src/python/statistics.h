#pragma once
// fvhooks.tensor_stats: the statistics of one tensor, without a trace.
#include <pybind11/pybind11.h>

namespace fvhooks::internal {

// A dict with the keys that a record would have. stats: names, None for all; sketch: how many buckets.
// Throws TypeError, ValueError.
pybind11::dict tensor_stats_dict(pybind11::handle tensor, const pybind11::object& stats,
                                 const pybind11::object& sketch);

}  // namespace fvhooks::internal
