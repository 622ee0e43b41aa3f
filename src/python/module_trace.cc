#include "python/module_trace.h"

#include <torch/csrc/autograd/python_variable.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "fvhooks/warning.h"
#include "python/python_value.h"
#include "torch/record_tensor.h"

namespace fvhooks::internal {
namespace {

namespace py = pybind11;

// The calls of traced modules that this thread is inside of, outermost first.
struct Entered {
  const ModuleTrace* module;
  TraceCall call;
};
thread_local std::vector<Entered> t_entered;

// The call of `module` that ends now. What lies above it never came back (a hook whose caller skipped the rest).
std::optional<TraceCall> take_call(const ModuleTrace* module) noexcept {
  const auto found = std::find_if(t_entered.rbegin(), t_entered.rend(),
                                  [&](const Entered& entered) { return entered.module == module; });
  if (found == t_entered.rend()) return std::nullopt;
  const auto call = found->call;
  t_entered.erase(std::prev(found.base()), t_entered.end());
  return call;
}

std::shared_ptr<Tracer> open_or_throw(const TraceConfig& config, std::string root) {
  auto tracer = [&] {
    const py::gil_scoped_release no_gil;
    return Tracer::open(config, std::move(root));
  }();
  if (tracer) return *std::move(tracer);
  PyErr_SetString(PyExc_OSError, tracer.error().message.c_str());
  throw py::error_already_set();
}

std::shared_ptr<const Injector> injector_or_throw(const TraceConfig& config, const std::string& root) {
  auto injector = [&] {
    const py::gil_scoped_release no_gil;
    return Injector::open(config, root);
  }();
  if (!injector) throw py::value_error(injector.error().message);
  return *std::move(injector);
}

}  // namespace

Trace::Trace(const TraceConfig& config, std::string root)
    : injector_(injector_or_throw(config, root)), tracer_(open_or_throw(config, std::move(root))) {}

Trace::~Trace() {
  const py::gil_scoped_release no_gil;  // it may warn, see warnings.h
  tracer_.reset();
  injector_.reset();
}

void Trace::report(std::string_view module, std::string_view trouble) noexcept {
  if (reported_.exchange(true)) return;
  try {
    std::string message = "a value of module \"";
    message.append(module).append("\" could not be traced, the model goes on: ").append(trouble);
    warn(message);
  } catch (...) {  // Out of memory: the model's trouble soon enough.
  }
}

ModuleTrace::ModuleTrace(std::shared_ptr<Trace> trace, std::string module,
                         std::unordered_map<std::string, std::int64_t> positions)
    : trace_(std::move(trace)), module_(std::move(module)), positions_(std::move(positions)) {}

template <class Work>
void ModuleTrace::keep_troubles_from_the_model(Work work) {
  std::string trouble;
  try {
    return work();
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_Exception)) throw;
    trouble = error.what();
  } catch (const std::exception& error) {
    trouble = error.what();
  } catch (...) {
    trouble = "unknown trouble";
  }
  const py::gil_scoped_release no_gil;
  trace_->report(module_, trouble);
}

ModuleTrace::InjectedSide ModuleTrace::injected(const TraceCall& call, CaptureSide side) const {
  const auto* const injector = trace_->injector();
  if (!injector) return std::nullopt;
  const py::gil_scoped_release no_gil;
  return injector->side(module_, call, side);
}

void ModuleTrace::write(CapturedSide& captured) {
  const py::gil_scoped_release no_gil;  // it may warn
  captured.write();
}

py::object ModuleTrace::record(const TraceCall& call, const Label& label, py::handle value,
                               const InjectedSide& injected, CapturedSide& captured) {
  return replaced_python_value(value, label, [&](py::handle leaf, const Label& at) -> py::object {
    const at::Tensor tensor = THPVariable_Unpack(leaf.ptr());
    ComparedTensor compared;
    {
      const py::gil_scoped_release no_gil;
      if (!tensor.defined()) return {};
      if (injected) compared = injected->compare(at, tensor);
      record_tensor(trace_->tracer(), captured, module_, call, at, tensor, compared.injection);
    }
    if (!compared.replacement.defined()) return {};
    return py::reinterpret_steal<py::object>(THPVariable_Wrap(compared.replacement));
  });
}

void ModuleTrace::record_inputs(const TraceCall& call, py::object& args, py::object& kwargs) {
  const Label in{nullptr, std::string_view("in")};
  const auto injected = this->injected(call, CaptureSide::Inputs);
  CapturedSide captured(trace_->tracer(), CaptureSide::Inputs);
  struct Argument {
    std::int64_t position;
    py::object key;  // null: passed by position
    py::handle value;
  };
  std::vector<Argument> by_position, by_name;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args.ptr()); ++i)
    by_position.push_back({i, {}, PyTuple_GET_ITEM(args.ptr(), i)});
  for (const auto& [key, value] : kwargs ? py::reinterpret_borrow<py::dict>(kwargs) : py::dict()) {
    const auto position = positions_.find(key.cast<std::string>());
    const bool has_position = position != positions_.end();
    (has_position ? by_position : by_name)
        .push_back({has_position ? position->second : 0, py::reinterpret_borrow<py::object>(key), value});
  }
  std::sort(by_position.begin(), by_position.end(), [](auto& a, auto& b) { return a.position < b.position; });

  py::list others(args);
  py::dict other_kwargs;
  const auto replace = [&](const Argument& argument, py::object other) {
    if (other && argument.key)
      other_kwargs[argument.key] = std::move(other);
    else if (other)
      others[static_cast<std::size_t>(argument.position)] = std::move(other);
  };
  for (const auto& argument : by_position)
    replace(argument, record(call, Label{&in, LabelIndex{argument.position}}, argument.value, injected, captured));
  for (const auto& argument : by_name)
    replace(argument,
            record(call, Label{&in, LabelKey{argument.key.cast<std::string>()}}, argument.value, injected, captured));
  write(captured);
  if (!injected) return;
  args = py::tuple(others);
  if (other_kwargs.empty()) return;
  kwargs = kwargs.attr("copy")();
  if (PyDict_Update(kwargs.ptr(), other_kwargs.ptr()) != 0) throw py::error_already_set();
}

void ModuleTrace::enter(py::object& args, py::object& kwargs) {
  keep_troubles_from_the_model([&] {
    TraceCall call;
    {
      const py::gil_scoped_release no_gil;
      call = trace_->tracer().enter(module_);
    }
    t_entered.push_back({this, call});
    if (call.recorded && trace_->tracer().config().inputs) record_inputs(call, args, kwargs);
  });
}

void ModuleTrace::leave(py::object& output) {
  const auto call = take_call(this);
  if (!call || !call->recorded) return;
  keep_troubles_from_the_model([&] {
    const auto injected = this->injected(*call, CaptureSide::Output);
    CapturedSide captured(trace_->tracer(), CaptureSide::Output);
    auto other = record(*call, Label{nullptr, std::string_view("out")}, output, injected, captured);
    write(captured);
    if (other) output = std::move(other);
  });
}

void ModuleTrace::failed() noexcept { take_call(this); }

}  // namespace fvhooks::internal
