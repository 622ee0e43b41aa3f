#pragma once
// What a comparison of two traces says. docs/diff.md defines statuses, thresholds and the rule for the introducer.
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fvhooks/comparison.h"
#include "fvhooks/trace_reader.h"

namespace fvhooks {

// The module whose own code first went wrong.
struct Introducer {
  std::string root, module;  // "": the root module
  std::optional<std::int64_t> step;
  std::uint64_t call = 0;
  std::optional<std::int64_t> rank;
  std::string reason;      // one sentence: which inputs agree, what differs
  bool by_inputs = false;  // false: the first wrong record's; inputs, or records before it, could not be compared
  bool outside = false;    // true: no module's fault, the traced model was called with other inputs
  std::size_t calls = 1;   // how many of its calls show it; of a trace that was not made under injection, the first
};

// What the numbers say about why, and which numbers.
struct Finding {
  std::string kind;  // "constant factor"
  std::string root, module;
  std::string evidence;  // one sentence
};

// Error over depth (a point a module) or over steps (a point a step).
struct CurvePoint {
  std::string module;                // "" over steps
  std::optional<std::int64_t> step;  // nullopt over depth
  double error = 0;
  std::optional<double> threshold;
};

struct TraceSummary {
  std::string path;  // as it was asked for
  std::vector<std::string> files;
  std::uint64_t records = 0;  // that were compared, or could have been
  std::uint64_t problem_count = 0;
  std::vector<TraceProblem> problems;  // the first of them
};

struct Verdict {
  TraceSummary reference, port;
  std::shared_ptr<const Comparisons> comparisons;  // null: none
  std::array<std::size_t, kStatusCount> counts{};  // by Status
  std::optional<std::size_t> first_diverged;       // index of the first failure in the reference's order
  std::optional<std::size_t> first_evidence;       // index of the record that shows the introducer's fault
  std::optional<Introducer> introducer;
  bool is_injected = false;       // the port was traced under injection (docs/inject.md): each module was judged alone
  std::vector<Introducer> wrong;  // then: all that are wrong by themselves, in the reference's order
  std::vector<std::string> unjudged;  // and modules of which some call was not judged: its inputs were wrong
  std::vector<Finding> diagnosis;
  std::vector<CurvePoint> error_over_depth, error_over_steps;
  bool passed = false;             // at least one pair compared, and no failure among all
  std::string threshold_source;    // which thresholds were used, and why
  std::vector<std::string> notes;  // what the numbers could not have shown, and what was left out

  std::size_t count(Status status) const noexcept { return counts[static_cast<std::size_t>(status)]; }
  std::size_t size() const noexcept { return comparisons ? comparisons->size() : 0; }
  const Row& row(std::size_t index) const { return comparisons->row(index); }
  RecordKey key(std::size_t index) const { return comparisons->key(index); }
  Comparison comparison(std::size_t index) const { return comparisons->at(index); }
  RecordPair records(std::size_t index) const { return comparisons->records(index); }
};

}  // namespace fvhooks
