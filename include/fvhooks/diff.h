#pragma once
// Compares two traces and says where they first part. Files in, Verdict out; how it is shown is src/report's business.
// docs/diff.md defines statuses, thresholds and the rule for the introducer.
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fvhooks/dtype.h"
#include "fvhooks/expected.h"
#include "fvhooks/trace_reader.h"

namespace fvhooks {

enum class Status : std::uint8_t {
  Equal,         // the same bits, as far as the record can tell
  Within,        // differs by no more than the threshold
  Diverged,      // differs by more
  Shape,         // another shape
  NonFinite,     // NaN or infinity on one side only, or in other numbers
  Missing,       // only in the reference
  Extra,         // only in the port
  Reordered,     // within, but executed in another order than the reference's
  Incomparable,  // nothing that both sides have could be compared
};
inline constexpr std::size_t kStatusCount = 9;
std::string_view status_name(Status status) noexcept;  // "non-finite"
bool is_failure(Status status) noexcept;               // everything but Equal, Within and Reordered
bool is_wrong(Status status) noexcept;                 // values known to differ: Diverged, Shape, NonFinite

struct DiffOptions {
  std::optional<double> rtol;                     // relative L2 error allowed; else a model from dtype and depth
  DType assumed_dtype = DType::Float32;           // of records that do not say theirs
  std::function<void(double fraction)> progress;  // of both files together, now and then
};

struct RecordKey {
  std::string root, module, tensor;
  std::optional<std::int64_t> step;
  std::uint64_t call = 0;
  std::optional<std::int64_t> rank;
};

// One pair of records, in the reference's order; extras last, in the port's.
struct Comparison {
  RecordKey key;
  Status status = Status::Incomparable;
  std::optional<double> error;      // relative L2, or relative difference of magnitudes where there is no sketch
  std::optional<double> threshold;  // that it was held against
  bool by_sketch = false;           // false: permutations cannot be seen
  std::string dtype;                // the reference's, empty if not recorded
  std::string detail;               // one clause for a person: why Shape, NonFinite, Incomparable
  std::optional<std::uint64_t> reference_line, port_line;
};

// The module whose own code first went wrong.
struct Introducer {
  std::string root, module;  // "": the root module
  std::optional<std::int64_t> step;
  std::uint64_t call = 0;
  std::optional<std::int64_t> rank;
  std::string reason;      // one sentence: which inputs agree, what differs
  bool by_inputs = false;  // false: no inputs were recorded, and this is the first diverged output
  bool outside = false;    // true: no module's fault, the traced model was called with other inputs
};

struct Verdict {
  std::string reference, port;  // paths
  std::vector<Comparison> comparisons;
  std::array<std::size_t, kStatusCount> counts{};  // by Status
  std::optional<std::size_t> first_diverged;       // index of the first failure in the reference's order
  std::optional<Introducer> introducer;
  std::vector<TraceProblem> reference_problems, port_problems;  // the first of them
  std::uint64_t reference_problem_count = 0, port_problem_count = 0;
  bool passed = false;             // at least one pair compared, and no failure among all
  std::string threshold_source;    // which thresholds were used, and why
  std::vector<std::string> notes;  // what the numbers could not have shown, and what was left out

  std::size_t count(Status status) const noexcept { return counts[static_cast<std::size_t>(status)]; }
};

// "-" is standard input, for one of the two. Errors: a file that cannot be opened, or that holds no record at all.
Expected<Verdict> diff_traces(const std::string& reference, const std::string& port, const DiffOptions& options = {});

}  // namespace fvhooks
