#pragma once
// What an attached trace does at each call, the same for C++ modules, TorchScript and Python: numbers calls and
// records, takes statistics, hands records to the sink. Knows no torch.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "fvhooks/capture.h"
#include "fvhooks/config.h"
#include "fvhooks/deferred_stats.h"
#include "fvhooks/expected.h"
#include "fvhooks/label.h"
#include "fvhooks/record.h"
#include "fvhooks/run.h"

namespace fvhooks {
namespace internal {
class ModuleViews;
}

// One entry into a module's forward.
struct TraceCall {
  std::optional<std::int64_t> step;
  std::uint64_t call = 0;
  bool recorded = true;                   // false: the step filter leaves this call out
  std::optional<std::int64_t> rank = {};  // of the records; none: the process's
};

// A tensor without readable elements (meta, sparse, quantised).
struct OpaqueTensor {
  std::string_view reason;  // "a meta tensor has no values"
  std::string_view dtype;   // torch's name
  std::span<const std::int64_t> sizes;
};

// A tensor whose statistics a device is computing.
struct DeferredTensor {
  DType dtype;
  std::span<const std::int64_t> sizes;
  std::unique_ptr<DeferredStats> stats;
};

// Any thread. Nothing but open throws or fails: troubles are warned of once and counted by the sink.
class Tracer {
 public:
  // Opens the output and the folder of captures, and reads the file of views. root: name of the component, may be
  // empty. Precondition: config.enabled and config.stats not empty. Tracers on one path in one process share a sink,
  // and the numbering of calls and records.
  static Expected<std::shared_ptr<Tracer>> open(const TraceConfig& config, std::string root = {});
  ~Tracer();  // flushes; the sink closes with the last tracer on it

  const TraceConfig& config() const noexcept;
  std::string path() const;
  std::uint64_t written() const noexcept;  // records of this path in this process
  std::uint64_t dropped() const noexcept;
  bool reads_values() const noexcept;  // whether anything but shape and dtype is asked for
  void flush() noexcept;               // waits for deferred records

  // Finds the views of the model's modules; rules that match none are warned of. Before a forward runs, once.
  void match_views(std::span<const std::string> modules);
  const internal::ModuleViews* views_of(std::string_view module) const noexcept;  // null: recorded as they are

  // Null: nothing is captured.
  CaptureWriter* captures() const noexcept;
  CaptureKey capture_key(std::string_view module, const TraceCall& call, CaptureSide side) const;

  // Takes the call number of `module` in the current step.
  TraceCall enter(std::string_view module) noexcept;

  void record(std::string_view module, const TraceCall& call, const Label& label, const TensorView& tensor,
              const Injection& injection = {}) noexcept;
  void record(std::string_view module, const TraceCall& call, const Label& label, const OpaqueTensor& tensor,
              const Injection& injection = {}) noexcept;
  // Numbered now, written by a later call of this, by flush or when the process ends: once its statistics are there, or
  // when 256 of them wait, for which that call then waits.
  void record(std::string_view module, const TraceCall& call, const Label& label, DeferredTensor tensor,
              const Injection& injection = {}) noexcept;
  // A record whose statistics the caller made itself; numbers and keys are added here.
  void record(std::string_view module, const TraceCall& call, const Label& label, Record record) noexcept;

 private:
  struct State;
  explicit Tracer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace fvhooks
