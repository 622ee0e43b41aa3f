#include "trace/trace_output.h"

#include <utility>

#include "core/shared_by_path.h"
#include "fvhooks/warning.h"

namespace fvhooks::internal {
namespace {

// Never destroyed: a tracer in a static may be opened and closed while the process ends.
SharedByPath<TraceOutput>& open_outputs() {
  static auto* const instance = new SharedByPath<TraceOutput>;
  return *instance;
}

}  // namespace

Expected<std::shared_ptr<TraceOutput>> TraceOutput::open(const std::string& path, std::size_t batch) {
  const auto key = resolved_path(path);
  auto output = open_outputs().adopt(key, nullptr);
  if (!output) {
    auto sink = JsonlSink::open(path, batch);
    if (!sink) return sink.error();
    auto fresh = std::make_shared<TraceOutput>();
    fresh->sink = *std::move(sink);
    fresh->batch = batch;
    // Another thread may have been faster; then ours closes again, with nothing written.
    output = open_outputs().adopt(key, std::move(fresh));
  }
  if (output->batch != batch) {
    warn("'" + path + "' is being traced to already, holding back " + std::to_string(output->batch) +
         " lines: FASTVIDEO_TRACE_BATCH=" + std::to_string(batch) + " has no effect");
  }
  return output;
}

}  // namespace fvhooks::internal
