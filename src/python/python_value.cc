#include "python/python_value.h"

#include <torch/csrc/autograd/python_variable.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_string.h"

namespace fvhooks::internal {
namespace {

namespace py = pybind11;

// The containers that a value lies in, linked on the stack.
struct Enclosing {
  const Enclosing* parent = nullptr;
  PyObject* container = nullptr;
  int depth = 0;
};

bool is_plain(PyObject* value) {
  return value == Py_None || PyLong_Check(value) || PyFloat_Check(value) || PyUnicode_Check(value) ||
         PyBytes_Check(value);
}

bool is_dataclass(PyObject* value) {
  auto* const type = reinterpret_cast<PyObject*>(Py_TYPE(value));
  return PyObject_HasAttrString(type, "__dataclass_fields__") != 0;
}

bool is_mapping(py::handle value) {
  return PyDict_Check(value.ptr()) || py::isinstance(value, py::module_::import("collections.abc").attr("Mapping"));
}

// A value that keeps its tensors comes out as null.
class Walk {
 public:
  explicit Walk(const PythonTensorReplacer& replace) : replace_(replace) {}

  py::object value(py::handle value, const Label& at, const Enclosing& inside) const {
    auto* const object = value.ptr();
    if (THPVariable_Check(object)) return replace_(value, at);
    if (is_plain(object) || !may_enter(object, inside)) return {};
    const Enclosing here{&inside, object, inside.depth + 1};
    if (PyTuple_Check(object) || PyList_Check(object)) return sequence(value, at, here);
    if (is_mapping(value)) return mapping(value, at, here);
    if (is_dataclass(object)) return dataclass(value, at, here);
    return {};
  }

 private:
  static bool may_enter(PyObject* container, const Enclosing& inside) {
    for (const auto* outer = &inside; outer; outer = outer->parent) {
      if (outer->container == container) return false;
    }
    return inside.depth < kMaxDepth;
  }

  // Size and element are asked for anew each time: a visitor lets go of the GIL, and a list may shrink meanwhile.
  py::object sequence(py::handle items, const Label& at, const Enclosing& inside) const {
    py::list copy;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.ptr()); ++i) {
      const auto item = py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(items.ptr(), i));
      auto other = value(item, Label{&at, LabelIndex{i}}, inside);
      if (!other) continue;
      if (copy.empty()) copy = py::reinterpret_steal<py::list>(PySequence_List(items.ptr()));
      copy[static_cast<std::size_t>(i)] = std::move(other);
    }
    if (copy.empty()) return {};
    if (PyList_CheckExact(items.ptr())) return copy;
    const py::object type = py::type::of(items);
    return py::hasattr(type, "_make") ? type.attr("_make")(copy) : type(copy);  // a named tuple takes its fields
  }

  py::object mapping(py::handle items, const Label& at, const Enclosing& inside) const {
    const py::list pairs = items.attr("items")().cast<py::iterable>();
    std::vector<std::string> texts;  // reprs of the keys that are neither strings nor integers
    py::object copy;
    const auto replace = [&](py::handle key, py::object other) {
      if (!other) return;
      if (!copy) copy = shallow_copy(items);
      copy.attr("__setitem__")(key, std::move(other));
    };
    for (const auto pair : pairs) {
      const py::sequence entry = py::reinterpret_borrow<py::sequence>(pair);
      const py::object key = entry[0];
      const py::object item = entry[1];
      if (const auto text = utf8(key)) {
        replace(key, value(item, Label{&at, LabelKey{*text}}, inside));
      } else if (const auto integer = integer_key(key)) {
        replace(key, value(item, Label{&at, LabelIntegerKey{*integer}}, inside));
      } else {
        const auto repr = py::repr(key).cast<std::string>();
        const auto equal_before = std::count(texts.begin(), texts.end(), repr);
        const auto part = other_key(repr, static_cast<std::size_t>(equal_before) + 1);
        texts.push_back(repr);
        replace(key, value(item, Label{&at, std::string_view(part)}, inside));
      }
    }
    return copy;
  }

  py::object dataclass(py::handle object, const Label& at, const Enclosing& inside) const {
    const py::tuple fields = py::module_::import("dataclasses").attr("fields")(object);
    py::object copy;
    for (const auto field : fields) {
      const py::object name = field.attr("name");
      if (!py::hasattr(object, name)) continue;  // deleted, or never set (init=False)
      auto other = value(object.attr(name), Label{&at, LabelKey{utf8(name).value()}}, inside);
      if (!other) continue;
      if (!copy) copy = shallow_copy(object);
      // A frozen one's own __setattr__ raises.
      py::module_::import("builtins").attr("object").attr("__setattr__")(copy, name, std::move(other));
    }
    return copy;
  }

  static py::object shallow_copy(py::handle value) { return py::module_::import("copy").attr("copy")(value); }

  // Lives as long as the string object. Nothing for other objects, and for lone surrogates, which have no UTF-8.
  static std::optional<std::string_view> utf8(py::handle text) {
    if (!PyUnicode_Check(text.ptr())) return std::nullopt;
    Py_ssize_t size = 0;
    const char* const data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (data) return std::string_view(data, static_cast<std::size_t>(size));
    PyErr_Clear();
    return std::nullopt;
  }

  static std::optional<std::int64_t> integer_key(py::handle key) {
    if (!PyLong_Check(key.ptr())) return std::nullopt;
    int overflow = 0;
    const auto integer = PyLong_AsLongLongAndOverflow(key.ptr(), &overflow);
    if (overflow != 0) return std::nullopt;
    return integer;
  }

  // [<"None">]: no string and no integer has angle brackets. One pair more for each equal repr that came before.
  static std::string other_key(std::string_view repr, std::size_t angle_brackets) {
    std::string part = "[";
    part.append(angle_brackets, '<');
    append_json_string(part, repr);
    return part.append(angle_brackets, '>').append("]");
  }

  const PythonTensorReplacer& replace_;
};

}  // namespace

void walk_python_value(py::handle value, const Label& at, const PythonTensorVisitor& visit) {
  const PythonTensorReplacer keep = [&](py::handle tensor, const Label& label) {
    visit(tensor, label);
    return py::object();
  };
  Walk(keep).value(value, at, Enclosing{});
}

py::object replaced_python_value(py::handle value, const Label& at, const PythonTensorReplacer& replace) {
  return Walk(replace).value(value, at, Enclosing{});
}

}  // namespace fvhooks::internal
