#pragma once
// Runs a reference and a port, as often as it takes, and finds all modules of the port that are wrong by themselves
// (docs/inject.md).
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fvhooks/diff.h"
#include "fvhooks/expected.h"

namespace fvtrace {

struct BisectOptions {
  std::string reference, port;     // commands for a shell
  std::vector<std::string> noise;  // likewise: legitimate variations of the reference
  std::string work;                // an empty folder
  std::uint64_t limit = 0;         // bytes that captures may take, at any one time
  std::string steps;               // FASTVIDEO_TRACE_STEPS; empty: all
  std::string map;                 // file of rules for names; empty: they agree
  fvhooks::DiffOptions diff;
  bool keeps_captures = false;
  std::function<void(const std::string&)> say;  // what is being done, a line
};

struct BisectResult {
  std::vector<fvhooks::Introducer> wrong;   // in the reference's order
  std::vector<fvhooks::Finding> diagnosis;  // of them
  std::vector<std::string> unjudged;        // modules of which some call could not be judged
  std::vector<std::string> notes;
  std::size_t modules = 0, records = 0;  // that were judged in the last comparison
  std::size_t failures = 0;              // records in it that could not be compared, or differ
  std::size_t runs = 0;                  // of commands
};

// Error: what could not run, with the end of what it printed.
fvhooks::Expected<BisectResult> bisect(const BisectOptions& options);

}  // namespace fvtrace
