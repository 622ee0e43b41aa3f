#include "columns.h"

#include <fmt/format.h>

#include <cmath>

#include "report/table.h"

namespace fvtrace {
namespace {

using fvhooks::internal::printable;

template <class T>
std::string text_of(const std::optional<T>& number) {
  return number ? std::to_string(*number) : std::string();
}
std::string count_text(std::uint64_t count) { return count == 0 ? std::string() : std::to_string(count); }

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return fmt::format("{:.6g}", value);
}

struct ValueText {
  std::string operator()(std::nullptr_t) const { return "null"; }
  std::string operator()(double value) const { return number_text(value); }
  std::string operator()(fvhooks::Int128 value) const { return fmt::format("{}", value); }
  std::string operator()(const std::string& text) const {
    return printable(text.starts_with("torch.") ? text.substr(6) : text);
  }
  std::string operator()(const std::vector<std::int64_t>& sizes) const {
    return fmt::format("[{}]", fmt::join(sizes, ","));
  }
  std::string operator()(const fvhooks::RawJson& json) const { return printable(json.text); }
};

}  // namespace

std::string cell(const fvhooks::Record& record, std::uint64_t line, const std::string& column) {
  if (column == "line") return std::to_string(line);
  if (column == "module") return record.module.empty() ? "(root)" : printable(record.module);
  if (column == "tensor") return printable(record.tensor);
  if (column == "step") return record.step ? std::to_string(*record.step) : "-";
  if (column == "call") return text_of(record.call);
  if (column == "seq") return text_of(record.seq);
  if (column == "run") return printable(record.run);
  if (column == "root") return printable(record.root);
  if (column == "rank") return text_of(record.rank);
  if (column == "nan") return count_text(record.nan);
  if (column == "inf") return count_text(record.inf);
  if (column == "sketch") return count_text(static_cast<std::uint64_t>(record.sketch.buckets));
  const auto* value = record.find(column);
  return value ? std::visit(ValueText{}, *value) : std::string();
}

SortKey sort_key(const fvhooks::Record& record, std::uint64_t line, const std::string& column) {
  const auto whole = [](auto number) { return SortKey{static_cast<double>(number), {}}; };
  if (column == "line") return whole(line);
  if (column == "nan") return whole(record.nan);
  if (column == "inf") return whole(record.inf);
  if (column == "step") return record.step ? whole(*record.step) : SortKey{};
  if (column == "call") return record.call ? whole(*record.call) : SortKey{};
  if (column == "seq") return record.seq ? whole(*record.seq) : SortKey{};
  if (column == "rank") return record.rank ? whole(*record.rank) : SortKey{};
  if (const auto number = record.number(column)) return {number, {}};
  return {std::nullopt, cell(record, line, column)};
}

bool comes_before(const SortKey& a, const SortKey& b, bool is_descending) {
  const auto is_empty = [](const SortKey& key) { return !key.number && key.text.empty(); };
  if (is_empty(a) || is_empty(b)) return !is_empty(a) && is_empty(b);
  const auto& first = is_descending ? b : a;
  const auto& second = is_descending ? a : b;
  if (first.number && second.number) {
    if (std::isnan(*first.number) || std::isnan(*second.number)) {
      return !std::isnan(*first.number) && std::isnan(*second.number);
    }
    return *first.number < *second.number;
  }
  if (first.number || second.number) return first.number.has_value();
  return first.text < second.text;
}

std::vector<std::string> usual_columns(const fvhooks::Record& record) {
  std::vector<std::string> columns = {"module", "tensor", "step", "call"};
  for (const auto& [name, value] : record.stats) columns.push_back(name);
  return columns;
}

}  // namespace fvtrace
