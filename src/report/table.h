#pragma once
// The table of a terminal report.
#include <string>
#include <string_view>

#include "fvhooks/report.h"

namespace fvhooks::internal {

// Failed: records around the first divergence, runs of passes in one line; however few rows are asked for, the first
// failure and the record that shows the introducer's fault are among them. Passed: the records closest to their
// thresholds. Missing and extra records are not rows: they are reported by subtree.
std::string table(const Verdict& verdict, const TerminalStyle& style);

// Control characters, C1 ones too, as \xNN.
std::string printable(std::string_view text);

}  // namespace fvhooks::internal
