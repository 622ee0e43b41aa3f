#pragma once
// What captures (docs/capture.md) show of the records that a verdict points at.
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "fvhooks/expected.h"
#include "fvhooks/name_map.h"
#include "fvhooks/report.h"
#include "fvhooks/tensor_diff.h"
#include "fvhooks/verdict.h"

namespace fvhooks {

struct TensorComparison {
  RecordKey key;  // in the reference's names
  std::optional<TensorDiff> diff;
  std::string trouble;  // why there is none
};

struct TensorReport {
  std::string reference, port;  // folders of captures
  std::vector<TensorComparison> tensors;
  std::vector<std::string> notes;
};

// Of at most `most` records: those of the call at which the introducer shows, the first failure, and what is furthest
// beyond its threshold, or closest to it. `names`: of the port, in the reference; null: they are the same. Error: a
// folder that holds no capture.
Expected<TensorReport> compare_tensors(const Verdict& verdict, const std::string& reference, const std::string& port,
                                       const NameMap* names, std::size_t most = 8);

// Ends with a newline.
std::string terminal_tensor_report(const TensorReport& report, const TerminalStyle& style);

}  // namespace fvhooks
