#pragma once
// Views of a verdict.
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "fvhooks/diff.h"
#include "fvhooks/expected.h"

namespace fvhooks {

struct TerminalStyle {
  bool colour = false;
  std::size_t rows = 40;  // of the table, the first failure and the introducer's at least; 0: every record
  std::size_t width = 100;
  bool wraps = false;  // sentences too keep to the width; else only what is drawn
};

// Verdict first, then a table around the first divergence. Ends with a newline. Control characters in names are shown
// as escapes: a trace cannot steer a terminal.
std::string terminal_report(const Verdict& verdict, const TerminalStyle& style);

struct TensorReport;  // tensor_report.h

// The schema is docs/diff.md. In pieces, as it is made: a report may be larger than memory. Ends with a newline.
// `tensors`: null without captures.
void write_json_report(const Verdict& verdict, const std::function<void(std::string_view)>& write,
                       const TensorReport* tensors = nullptr);

struct HtmlOptions {
  std::size_t most_rows = 200'000;  // records in the page; of more, failures and a sample
  const TensorReport* tensors = nullptr;
};

// Whether a page can be written at `path`, for whoever has long work to do before.
Expected<std::monostate> check_html_path(const std::string& path);

// One self-contained page (docs/report.md) at `path`, whole or not at all.
Expected<std::monostate> write_html_report(const Verdict& verdict, const std::string& path,
                                           const HtmlOptions& options = {});

}  // namespace fvhooks
