#include "python/hooked_forward.h"

#include <utility>

#include "python/module_trace.h"

namespace fvhooks::internal {
namespace {

namespace py = pybind11;

struct HookedForward {
  py::object manager;
  py::str attribute;
};

// Never destroyed: Python may be gone when statics are.
struct Names {
  static PyObject* interned(const char* name) { return PyUnicode_InternFromString(name); }
  PyObject* const module = interned("module");
  PyObject* const forward_hooks = interned("forward_hooks");
  PyObject* const original_forward = interned("original_forward");
  PyObject* const pre_forward = interned("pre_forward");
  PyObject* const post_forward = interned("post_forward");
  PyObject* const tell_of_failure = interned("_tell_of_failure");
};
const Names& names() {
  static const auto* const instance = new Names;
  return *instance;
}

PyTypeObject* module_trace_type = nullptr;

py::object checked(PyObject* result) {
  if (!result) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(result);
}

py::object attribute_of(py::handle object, PyObject* name) { return checked(PyObject_GetAttr(object.ptr(), name)); }

// kwargs: a dict, or null for none.
struct Arguments {
  py::object args, kwargs;
};

py::object call(py::handle function, const Arguments& arguments) {
  return checked(PyObject_Call(function.ptr(), arguments.args.ptr(), arguments.kwargs.ptr()));
}

// `args, kwargs = returned`, whatever sequences and mappings they are.
Arguments unpacked(const py::object& returned) {
  const auto pair = checked(PySequence_Tuple(returned.ptr()));
  if (PyTuple_GET_SIZE(pair.ptr()) != 2) throw py::value_error("pre_forward returns args and kwargs");
  py::dict kwargs;
  const auto args = checked(PySequence_Tuple(PyTuple_GET_ITEM(pair.ptr(), 0)));
  if (PyDict_Update(kwargs.ptr(), PyTuple_GET_ITEM(pair.ptr(), 1)) != 0) throw py::error_already_set();
  return {args, std::move(kwargs)};
}

ModuleTrace* as_module_trace(py::handle hook) {
  return PyObject_TypeCheck(hook.ptr(), module_trace_type) ? hook.cast<ModuleTrace*>() : nullptr;
}

// One forward under hooks.
class HookedCall {
 public:
  HookedCall(const py::object& manager, py::object module)
      : module_(std::move(module)),
        forward_(attribute_of(manager, names().original_forward)),
        hooks_(checked(PyMapping_Values(attribute_of(manager, names().forward_hooks).ptr()))) {}

  py::object run(Arguments arguments) {
    for (; entered_ < PyList_GET_SIZE(hooks_.ptr()); ++entered_) pre_forward(hook(entered_), arguments);
    auto output = call(forward_, arguments);
    while (entered_ > 0) post_forward(hook(--entered_), output);
    return output;
  }

  // The hooks that still await their post_forward, the last first.
  py::list entered() const {
    py::list hooks;
    for (auto i = entered_; i > 0; --i) hooks.append(hook(i - 1));
    return hooks;
  }

 private:
  py::handle hook(Py_ssize_t i) const { return PyList_GET_ITEM(hooks_.ptr(), i); }

  void pre_forward(py::handle hook, Arguments& arguments) const {
    if (auto* const trace = as_module_trace(hook)) return trace->enter(arguments.args, arguments.kwargs);
    const auto count = PyTuple_GET_SIZE(arguments.args.ptr());
    py::tuple with_module(count + 1);
    PyTuple_SET_ITEM(with_module.ptr(), 0, py::handle(module_).inc_ref().ptr());
    for (Py_ssize_t i = 0; i < count; ++i) {
      PyTuple_SET_ITEM(with_module.ptr(), i + 1, py::handle(PyTuple_GET_ITEM(arguments.args.ptr(), i)).inc_ref().ptr());
    }
    arguments = unpacked(call(attribute_of(hook, names().pre_forward), {std::move(with_module), arguments.kwargs}));
  }

  void post_forward(py::handle hook, py::object& output) const {
    if (auto* const trace = as_module_trace(hook)) return trace->leave(output);
    output =
        checked(PyObject_CallMethodObjArgs(hook.ptr(), names().post_forward, module_.ptr(), output.ptr(), nullptr));
  }

  py::object module_, forward_, hooks_;
  Py_ssize_t entered_ = 0;
};

bool has_manager(py::handle module, const HookedForward& forward) {
  const auto own = checked(PyObject_GenericGetDict(module.ptr(), nullptr));
  auto* const manager = PyDict_GetItemWithError(own.ptr(), forward.attribute.ptr());
  if (!manager && PyErr_Occurred()) throw py::error_already_set();
  return manager == forward.manager.ptr();
}

py::object run(PyObject* self, Arguments arguments) {
  const auto& forward = *py::handle(self).cast<const HookedForward*>();
  const auto manager = forward.manager;  // a hook may remove it
  const auto module = attribute_of(manager, names().module);
  // Kept by somebody who wrapped it.
  if (!has_manager(module, forward)) return call(attribute_of(manager, names().original_forward), arguments);
  HookedCall hooked(manager, module);
  try {
    return hooked.run(std::move(arguments));
  } catch (...) {
    checked(PyObject_CallMethodObjArgs(self, names().tell_of_failure, hooked.entered().ptr(), module.ptr(), nullptr));
    throw;
  }
}

PyObject* run_or_raise(PyObject* self, PyObject* args, PyObject* kwargs) {
  try {
    return run(self, {py::reinterpret_borrow<py::object>(args), py::reinterpret_borrow<py::object>(kwargs)})
        .release()
        .ptr();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const py::builtin_exception& error) {
    error.set_error();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  if (py::detail::is_holder_constructed(self)) Py_VISIT(py::handle(self).cast<HookedForward*>()->manager.ptr());
  return 0;
}

int clear(PyObject* self) {
  if (py::detail::is_holder_constructed(self)) py::handle(self).cast<HookedForward*>()->manager = py::none();
  return 0;
}

void set_up(PyHeapTypeObject* type) {
  type->ht_type.tp_flags |= Py_TPFLAGS_HAVE_GC;
  type->ht_type.tp_traverse = traverse;
  type->ht_type.tp_clear = clear;
  type->ht_type.tp_call = run_or_raise;
}

}  // namespace

void bind_hooked_forward(py::module_& m) {
  module_trace_type = reinterpret_cast<PyTypeObject*>(py::type::of<ModuleTrace>().ptr());
  py::class_<HookedForward>(m, "HookedForward", py::custom_type_setup(set_up))
      .def(py::init([](py::object manager, const py::str& attribute) {
             return HookedForward{std::move(manager), attribute};
           }),
           py::arg("manager"), py::arg("attribute"));
}

}  // namespace fvhooks::internal
