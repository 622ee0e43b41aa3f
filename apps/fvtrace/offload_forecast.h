#pragma once
// What a layerwise offload of a checkpoint would keep, move and take.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fvhooks/disk_store.h"
#include "fvhooks/expected.h"
#include "fvhooks/offload_plan.h"

namespace fvtrace {

struct ReadSpeed {
  std::uint64_t bytes = 0;
  double seconds = 0;
  double bytes_a_second() const { return static_cast<double>(bytes) / seconds; }
};

// Reads blocks, evenly spread over the model, for some two seconds, past the page cache where the store can.
fvhooks::Expected<ReadSpeed> measure_reading(fvhooks::DiskStore& store);

struct OffloadForecast {
  std::string checkpoint;
  std::uint64_t budget = 0;
  std::size_t prefetch_depth = 1;
  std::vector<std::string> blocks;
  std::vector<std::uint64_t> block_bytes;  // of each block's buffer
  std::uint64_t bytes_outside = 0;         // of tensors that no block has
  std::uint64_t least_budget = 0;
  fvhooks::OffloadPlan plan;
  std::optional<double> bytes_a_second, compute_seconds;  // of the transfer; of a step
  std::string speed_source;                               // where bytes_a_second comes from

  std::size_t resident() const;
  std::uint64_t bytes_moved() const;  // a step
  std::optional<double> transfer_seconds() const;
  std::optional<double> step_seconds() const;  // T*; nothing without a bandwidth
};

std::string forecast_text(const OffloadForecast& forecast);
std::string forecast_json(const OffloadForecast& forecast);

}  // namespace fvtrace
