#pragma once
// A record as cells of a table.
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fvhooks/record.h"

namespace fvtrace {

// A key of the record, the name of a statistic, or "line". Empty where the record has none.
std::string cell(const fvhooks::Record& record, std::uint64_t line, const std::string& column);

// What comes first when sorted by a column: numbers by size, NaN above all, then texts, then what has nothing there.
struct SortKey {
  std::optional<double> number;
  std::string text;
};
SortKey sort_key(const fvhooks::Record& record, std::uint64_t line, const std::string& column);
// `is_descending` turns everything round but that what has nothing comes last.
bool comes_before(const SortKey& a, const SortKey& b, bool is_descending);

// module, tensor, step, call and the record's statistics.
std::vector<std::string> usual_columns(const fvhooks::Record& record);

}  // namespace fvtrace
