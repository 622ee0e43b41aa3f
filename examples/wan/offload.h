#pragma once
// The transformer in less memory than it weighs: fvhooks' layerwise offload, as the command line asks for it.
#include <cstdint>
#include <optional>
#include <string>

#include "transformer.h"

namespace wan {

struct OffloadRequest {
  std::optional<std::uint64_t> budget;  // bytes for all blocks; 0: as few as will do; nothing: all in memory
  std::string store;                    // "host", or a path; empty: the checkpoint in `model_folder`
  std::size_t prefetch_depth = 1;
  std::string report;        // file for a timeline in Chrome's trace format; empty: none
  bool is_unchanged = true;  // since its weights were loaded
};

void offload(WanTransformer3DModelImpl& model, const OffloadRequest& request, const std::string& model_folder);

// After a run: prints what it moved and who waited, and writes the timeline.
void report_offload(const WanTransformer3DModelImpl& model, const OffloadRequest& request);

}  // namespace wan
