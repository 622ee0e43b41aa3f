#include "trace/trace_output.h"

#include <filesystem>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include "fvhooks/warning.h"

namespace fvhooks::internal {
namespace {

struct OpenOutputs {
  ForkSafeMutex mutex;
  std::map<std::string, std::weak_ptr<TraceOutput>> by_path;
};

// Never destroyed: a tracer in a static may be opened and closed while the process ends.
OpenOutputs& open_outputs() {
  static auto* const instance = new OpenOutputs;
  return *instance;
}

// Two spellings of one file are one file.
std::string resolved(const std::string& path) {
  std::error_code failed;
  auto full = std::filesystem::weakly_canonical(path, failed);
  return failed ? path : full.string();
}

// The output on `path` that is open by now: `fresh` if there was none.
std::shared_ptr<TraceOutput> adopt(const std::string& path, std::shared_ptr<TraceOutput> fresh) {
  auto& [mutex, by_path] = open_outputs();
  const std::lock_guard lock(mutex);
  auto& slot = by_path[path];
  if (auto already = slot.lock()) return already;
  slot = fresh;
  return fresh;
}

}  // namespace

Expected<std::shared_ptr<TraceOutput>> TraceOutput::open(const std::string& path, std::size_t batch) {
  const auto key = resolved(path);
  auto output = adopt(key, nullptr);
  if (!output) {
    auto sink = JsonlSink::open(path, batch);
    if (!sink) return sink.error();
    auto fresh = std::make_shared<TraceOutput>();
    fresh->sink = *std::move(sink);
    fresh->batch = batch;
    // Another thread may have been faster; then ours closes again, with nothing written.
    output = adopt(key, std::move(fresh));
  }
  if (output->batch != batch) {
    warn("'" + path + "' is being traced to already, holding back " + std::to_string(output->batch) +
         " lines: FASTVIDEO_TRACE_BATCH=" + std::to_string(batch) + " has no effect");
  }
  return output;
}

}  // namespace fvhooks::internal
