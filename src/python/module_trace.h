#pragma once
// The hook of a traced Python module.
#include <pybind11/pybind11.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "fvhooks/tracer.h"
#include "torch/captured_side.h"
#include "torch/injector.h"

namespace fvhooks::internal {

// The output of one attach. All but report needs the GIL.
class Trace {
 public:
  // Throws OSError if the output cannot be opened, ValueError if there is no capture where one is to be injected.
  Trace(const TraceConfig& config, std::string root);
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  Tracer& tracer() const noexcept { return *tracer_; }
  const Injector* injector() const noexcept { return injector_.get(); }  // null: none
  // Warns the first time only: what fails in one call mostly fails in each.
  void report(std::string_view module, std::string_view trouble) noexcept;

 private:
  std::shared_ptr<const Injector> injector_;
  std::shared_ptr<Tracer> tracer_;
  std::atomic<bool> reported_{false};
};

// One traced module. Nothing that goes wrong here reaches the model, but for KeyboardInterrupt and its like.
class ModuleTrace {
 public:
  // positions: of the forward's parameters, by name; used for arguments that are passed by keyword.
  ModuleTrace(std::shared_ptr<Trace> trace, std::string module,
              std::unordered_map<std::string, std::int64_t> positions);

  // args: a tuple; kwargs: a dict, or null for none. What injection replaces is replaced in copies of them.
  void enter(pybind11::object& args, pybind11::object& kwargs);
  void leave(pybind11::object& output);
  void failed() noexcept;

 private:
  using InjectedSide = std::optional<Injector::Side>;

  void record_inputs(const TraceCall& call, pybind11::object& args, pybind11::object& kwargs);
  // What takes the value's place; null: nothing.
  pybind11::object record(const TraceCall& call, const Label& label, pybind11::handle value,
                          const InjectedSide& injected, CapturedSide& captured);
  static void write(CapturedSide& captured);
  InjectedSide injected(const TraceCall& call, CaptureSide side) const;
  template <class Work>
  void keep_troubles_from_the_model(Work work);

  std::shared_ptr<Trace> trace_;
  std::string module_;
  std::unordered_map<std::string, std::int64_t> positions_;
};

}  // namespace fvhooks::internal
