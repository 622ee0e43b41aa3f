#include "python/warnings.h"

#include <cstdio>
#include <string_view>

#include "fvhooks/warning.h"

namespace fvhooks::internal {
namespace {

namespace py = pybind11;

void write_to_stderr(std::string_view message) {
  std::fprintf(stderr, "fvhooks: %.*s\n", static_cast<int>(message.size()), message.data());
}

void call_python(PyObject* handler, std::string_view message) {
  const py::gil_scoped_acquire gil;
  const py::error_scope pending;  // a warning may come while an exception is on its way
  auto* const size_checked = PyUnicode_DecodeUTF8(message.data(), static_cast<Py_ssize_t>(message.size()), "replace");
  auto* const result = size_checked ? PyObject_CallOneArg(handler, size_checked) : nullptr;
  if (!result) PyErr_WriteUnraisable(handler);
  Py_XDECREF(result);
  Py_XDECREF(size_checked);
}

}  // namespace

void set_python_warning_handler(py::object handler) {
  const py::gil_scoped_release no_gil;
  if (handler.is_none()) {
    set_warning_handler(write_to_stderr);
    return;
  }
  // Never released: a copy of it may be running on another thread, and there are few.
  set_warning_handler([object = handler.release().ptr()](std::string_view message) { call_python(object, message); });
}

}  // namespace fvhooks::internal
