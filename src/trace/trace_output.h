#pragma once
// What tracers that write to one path in one process have in common.
#include <memory>
#include <string>
#include <vector>

#include "fvhooks/expected.h"
#include "fvhooks/jsonl_sink.h"
#include "trace/fork_safe_mutex.h"
#include "trace/numbering.h"

namespace fvhooks::internal {

// Records whose memory is used again; any thread.
class RecordPool {
 public:
  std::unique_ptr<Record> take();
  void give_back(std::unique_ptr<Record> record) noexcept;

 private:
  ForkSafeMutex mutex_;
  std::vector<std::unique_ptr<Record>> free_;
};

struct TraceOutput {
  // The output that is open on `path` (with <pid> as written), else a new one.
  static Expected<std::shared_ptr<TraceOutput>> open(const std::string& path, std::size_t batch);

  std::unique_ptr<JsonlSink> sink;
  std::size_t batch = 0;
  Numbering numbering;
  RecordPool records;
};

}  // namespace fvhooks::internal
