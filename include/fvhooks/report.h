#pragma once
// Views of a verdict.
#include <cstddef>
#include <string>

#include "fvhooks/diff.h"

namespace fvhooks {

struct TerminalStyle {
  bool colour = false;
  std::size_t rows = 40;  // of the table; 0: every record
  std::size_t width = 100;
};

// Verdict first, then a table around the first divergence. Ends with a newline. Control characters in names are shown
// as escapes: a trace cannot steer a terminal.
std::string terminal_report(const Verdict& verdict, const TerminalStyle& style);

// The schema is docs/diff.md. Ends with a newline.
std::string json_report(const Verdict& verdict);

}  // namespace fvhooks
