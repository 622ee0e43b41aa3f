#pragma once
// What tracers that write to one path in one process have in common.
#include <memory>
#include <string>

#include "fvhooks/expected.h"
#include "fvhooks/jsonl_sink.h"
#include "trace/numbering.h"

namespace fvhooks::internal {

struct TraceOutput {
  // The output that is open on `path` (with <pid> as written), else a new one.
  static Expected<std::shared_ptr<TraceOutput>> open(const std::string& path, std::size_t batch);

  std::unique_ptr<JsonlSink> sink;
  std::size_t batch = 0;
  Numbering numbering;
};

}  // namespace fvhooks::internal
