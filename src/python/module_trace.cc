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

}  // namespace

Trace::Trace(const TraceConfig& config, std::string root) : tracer_(open_or_throw(config, std::move(root))) {}

Trace::~Trace() {
  const py::gil_scoped_release no_gil;  // it may warn, see warnings.h
  tracer_.reset();
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

void ModuleTrace::record(const TraceCall& call, const Label& label, py::handle value) {
  walk_python_value(value, label, [&](py::handle leaf, const Label& at) {
    const at::Tensor tensor = THPVariable_Unpack(leaf.ptr());
    const py::gil_scoped_release no_gil;
    if (tensor.defined()) record_tensor(trace_->tracer(), module_, call, at, tensor);
  });
}

void ModuleTrace::record_inputs(const TraceCall& call, py::handle args, py::handle kwargs) {
  const Label in{nullptr, std::string_view("in")};
  std::vector<std::pair<std::int64_t, py::handle>> by_position;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args.ptr()); ++i)
    by_position.emplace_back(i, PyTuple_GET_ITEM(args.ptr(), i));
  std::vector<std::pair<std::string, py::handle>> by_name;
  for (const auto& [key, value] : kwargs ? py::reinterpret_borrow<py::dict>(kwargs) : py::dict()) {
    auto name = key.cast<std::string>();
    const auto position = positions_.find(name);
    if (position != positions_.end()) {
      by_position.emplace_back(position->second, value);
    } else {
      by_name.emplace_back(std::move(name), value);
    }
  }
  std::sort(by_position.begin(), by_position.end(), [](auto& a, auto& b) { return a.first < b.first; });
  for (const auto& [position, value] : by_position) record(call, Label{&in, LabelIndex{position}}, value);
  for (const auto& [name, value] : by_name) record(call, Label{&in, LabelKey{name}}, value);
}

void ModuleTrace::enter(py::handle args, py::handle kwargs) {
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

void ModuleTrace::leave(py::handle output) {
  const auto call = take_call(this);
  if (!call || !call->recorded) return;
  keep_troubles_from_the_model([&] { record(*call, Label{nullptr, std::string_view("out")}, output); });
}

void ModuleTrace::failed() noexcept { take_call(this); }

}  // namespace fvhooks::internal
