#pragma once
// The tensors inside a Python value.
#include <pybind11/pybind11.h>

#include <functional>

#include "fvhooks/label.h"

namespace fvhooks::internal {

// Called with each tensor (a torch.Tensor) and its label, which lives for the call only.
using PythonTensorVisitor = std::function<void(pybind11::handle tensor, const Label& label)>;

// Likewise; returns what is to stand in the tensor's place, or null for itself.
using PythonTensorReplacer = std::function<pybind11::object(pybind11::handle tensor, const Label& label)>;

// Walks lists and tuples (named ones too), mappings, and dataclasses; any other object has no tensors. A container met
// again inside itself is not entered again, nor is one deeper than kMaxDepth. Iterators are not touched: to read them
// is to use them up. Throws what the value's own code throws.
void walk_python_value(pybind11::handle value, const Label& at, const PythonTensorVisitor& visit);

// Walks in the same way; the value with other tensors, or null if all stayed. Containers with a replaced tensor are
// copies, of their own type: others may hold the same.
pybind11::object replaced_python_value(pybind11::handle value, const Label& at, const PythonTensorReplacer& replace);

inline constexpr int kMaxDepth = 100;

}  // namespace fvhooks::internal
