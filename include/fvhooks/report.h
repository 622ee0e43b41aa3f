#pragma once
// Views of a verdict.
#include <cstddef>
#include <string>

#include "fvhooks/diff.h"

namespace fvhooks {

struct TerminalStyle {
  bool colour = false;
  std::size_t rows = 40;  // of the table; 0: all
  std::size_t width = 100;
};

// Verdict first, then a table around the first divergence. Ends with a newline.
std::string terminal_report(const Verdict& verdict, const TerminalStyle& style);

// The schema is docs/diff.md.
std::string json_report(const Verdict& verdict);

}  // namespace fvhooks
