#pragma once
// What the HTML page knows: one JSON of what there is once, and a column each of what there is for each record.
// src/report/html/data.js reads it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "fvhooks/report.h"

namespace fvhooks::internal {

struct HtmlColumn {
  std::string name;
  // Whole numbers are stored as narrow as they fit, floats as they are.
  std::variant<std::vector<std::uint64_t>, std::vector<float>, std::vector<double>> values;
};

struct HtmlData {
  std::string json;  // may stand in a <script>: it holds no '<'
  std::vector<HtmlColumn> columns;
};

// At most `options.most_rows` records: failures before others, of each the first, and of the others an even sample. The
// page says what it leaves out.
HtmlData html_data(const Verdict& verdict, const HtmlOptions& options);

// Which of the verdict's records these are, in its order.
std::vector<std::size_t> rows_of_page(const Verdict& verdict, std::size_t most_rows);

}  // namespace fvhooks::internal
