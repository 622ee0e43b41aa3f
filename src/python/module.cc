// fvhooks._C: what python/fvhooks calls. Whatever may warn is called without the GIL (warnings.h says why).
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <utility>

#include "fvhooks/config.h"
#include "fvhooks/jsonl_sink.h"
#include "fvhooks/label.h"
#include "fvhooks/step.h"
#include "fvhooks/tracer.h"
#include "python/hooked_forward.h"
#include "python/layerwise_offload.h"
#include "python/module_trace.h"
#include "python/python_value.h"
#include "python/statistics.h"
#include "python/warnings.h"
#include "torch/torch_threads.h"

namespace py = pybind11;

namespace fvhooks::internal {
namespace {

using NoGil = py::call_guard<py::gil_scoped_release>;

// Bytes of the environment and of paths as Python's os module decodes them.
py::str os_string(const std::string& bytes) {
  auto* const text = PyUnicode_DecodeFSDefaultAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size()));
  if (!text) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(text);
}

TraceConfig trace_config() {
  auto config = [] {
    const py::gil_scoped_release no_gil;
    return trace_config_from();
  }();
  if (!config) throw py::value_error(config.error().message);
  return *std::move(config);
}

py::list stat_names(const TraceConfig& config) {
  py::list names;
  for (const auto stat : config.stats) names.append(std::string(stat_name(stat)));
  return names;
}

// JsonlSink, closed and destroyed without the GIL.
class Sink {
 public:
  explicit Sink(std::string path) {
    auto sink = [&] {
      const py::gil_scoped_release no_gil;
      return JsonlSink::open(std::move(path));
    }();
    if (!sink) {
      PyErr_SetString(PyExc_OSError, sink.error().message.c_str());
      throw py::error_already_set();
    }
    sink_ = *std::move(sink);
  }
  ~Sink() {
    const py::gil_scoped_release no_gil;
    sink_.reset();
  }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  JsonlSink& get() const noexcept { return *sink_; }

 private:
  std::unique_ptr<JsonlSink> sink_;
};

// TraceStep, which lives from __enter__ to __exit__.
class StepScope {
 public:
  explicit StepScope(std::optional<std::int64_t> step) : step_(step) {}
  void enter() { scope_.emplace(step_); }
  void exit() { scope_.reset(); }

 private:
  std::optional<std::int64_t> step_;
  std::optional<TraceStep> scope_;
};

py::list labelled_tensors(py::handle value, std::string_view root) {
  py::list leaves;
  walk_python_value(value, Label{nullptr, root}, [&](py::handle tensor, const Label& label) {
    leaves.append(py::make_tuple(to_string(label), tensor));
  });
  return leaves;
}

void bind_configuration(py::module_& m) {
  py::class_<TraceConfig>(m, "TraceConfig")
      .def_readonly("enabled", &TraceConfig::enabled)
      .def_readonly("inputs", &TraceConfig::inputs)
      .def_readonly("root", &TraceConfig::root)
      .def_property_readonly("layers", [](const TraceConfig& config) { return os_string(config.layers); })
      .def_property_readonly("stats", &stat_names);
  m.def("trace_config", &trace_config);
}

void bind_steps(py::module_& m) {
  m.def("current_step", &current_step);
  py::class_<StepScope>(m, "TraceStep")
      .def(py::init<std::optional<std::int64_t>>(), py::arg("step").none(true))
      .def("__enter__", &StepScope::enter)
      .def("__exit__", [](StepScope& scope, const py::args&) { scope.exit(); });
}

void bind_trace(py::module_& m) {
  py::class_<Trace, std::shared_ptr<Trace>>(m, "Trace")
      .def(py::init<const TraceConfig&, std::string>(), py::arg("config"), py::arg("root"))
      .def_property_readonly("path", [](const Trace& trace) { return os_string(trace.tracer().path()); })
      .def_property_readonly("written", [](const Trace& trace) { return trace.tracer().written(); })
      .def_property_readonly("dropped", [](const Trace& trace) { return trace.tracer().dropped(); })
      .def(
          "match_views",
          [](Trace& trace, const std::vector<std::string>& modules) { trace.tracer().match_views(modules); }, NoGil(),
          py::arg("modules"))
      .def("flush", [](Trace& trace) { trace.tracer().flush(); }, NoGil());
  py::class_<ModuleTrace>(m, "ModuleTrace")
      .def(py::init<std::shared_ptr<Trace>, std::string, std::unordered_map<std::string, std::int64_t>>(),
           py::arg("trace"), py::arg("module"), py::arg("positions"))
      .def("pre_forward",
           [](ModuleTrace& trace, const py::object&, const py::args& args, const py::kwargs& kwargs) {
             py::object passed = args, passed_by_name = kwargs;
             trace.enter(passed, passed_by_name);
             return py::make_tuple(passed, passed_by_name);
           })
      .def("post_forward",
           [](ModuleTrace& trace, const py::object&, py::object output) {
             trace.leave(output);
             return output;
           })
      .def("forward_failed", [](ModuleTrace& trace, const py::object&) { trace.failed(); });
  py::class_<Sink>(m, "JsonlSink")
      .def(py::init<std::string>(), py::arg("path"))
      .def_property_readonly("path", [](const Sink& sink) { return os_string(sink.get().path()); })
      .def_property_readonly("written", [](const Sink& sink) { return sink.get().written(); })
      .def_property_readonly("dropped", [](const Sink& sink) { return sink.get().dropped(); })
      .def(
          "write_line", [](Sink& sink, std::string_view line) { return sink.get().write_line(line); }, NoGil())
      .def("close", [](Sink& sink) { sink.get().close(); }, NoGil());
  m.def("set_rank", &set_rank, py::arg("rank").none(true));
  m.def("run_id", &run_id);
}

}  // namespace
}  // namespace fvhooks::internal

PYBIND11_MODULE(_C, m) {
  using namespace fvhooks::internal;  // NOLINT
  m.doc() = "The C++ side of fvhooks. Use the modules of the package fvhooks.";
  use_torch_threads();
  bind_configuration(m);
  bind_steps(m);
  bind_trace(m);
  bind_hooked_forward(m);
  bind_layerwise_offload(m);
  m.def("labelled_tensors", &labelled_tensors, py::arg("value"), py::arg("root"));
  m.def("tensor_stats", &tensor_stats_dict, py::arg("tensor"), py::arg("stats"), py::arg("sketch"));
  m.def("set_warning_handler", &set_python_warning_handler, py::arg("handler").none(true));
}
