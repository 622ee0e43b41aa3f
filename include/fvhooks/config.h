#pragma once
// What FASTVIDEO_TRACE_* asks for (docs/record.md lists the variables).
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fvhooks/expected.h"
#include "fvhooks/stat.h"

namespace fvhooks {

// Which denoise steps to record. Without a filter every step passes, with one a record outside any step does not.
class StepFilter {
 public:
  // "0,2,10-19"; empty or blank: no filter.
  static Expected<StepFilter> parse(std::string_view text);

  StepFilter() = default;
  explicit StepFilter(std::vector<std::int64_t> steps);
  bool passes(std::optional<std::int64_t> step) const noexcept;

 private:
  struct Range {
    std::int64_t first, last;
  };
  std::optional<std::vector<Range>> ranges_;
};

struct TraceConfig {
  bool enabled = false;
  std::string layers;       // Python-syntax regular expression, searched in module names; empty: all modules
  std::vector<Stat> stats;  // in the order asked; empty (all names were unknown): do not trace
  std::string output;       // with <pid> as written
  StepFilter steps;
  bool inputs = false;
  bool root = false;
  int sketch = 64;             // 0, 64, 128, 256
  std::size_t batch = 0;       // lines held back; 0: each line is written at once
  std::string inject;          // folder of a capture to compare with and to inject; empty: none
  std::string inject_names;    // file: what modules are called in that capture; empty: the same
  bool inject_inputs = false;  // captured inputs, too, take the place of a module's own
  std::string view;            // file of rules on how tensors are recorded (docs/view.md); empty: none
  std::string capture;         // folder that full tensors are written to (docs/capture.md); empty: none
  std::uint64_t capture_limit = std::uint64_t{8} << 30;  // bytes
  bool device_path = false;  // tensors on the CPU are computed as those of other devices are
};

// A variable's value, or nullopt where it is not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;
Environment process_environment();

// Read anew at each call. Where tracing is off nothing else is looked at, so that a bad value cannot hurt an untraced
// program. Unknown statistics are warned of and skipped; every other bad value is an Error that names variable, value
// and what is allowed.
Expected<TraceConfig> trace_config_from(const Environment& environment = process_environment());

}  // namespace fvhooks
