#include "report/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace fvhooks::internal {
namespace {

struct Row {
  std::string name, moment, status, error, threshold, ratio;
  bool failed = false;
};

std::string number(const std::optional<double>& value) { return value ? fmt::format("{:.2e}", *value) : ""; }

std::optional<double> ratio(const Comparison& comparison) {
  if (!comparison.error || !comparison.threshold || *comparison.threshold <= 0) return std::nullopt;
  return *comparison.error / *comparison.threshold;
}

std::string ratio_text(const Comparison& comparison) {
  const auto value = ratio(comparison);
  if (!value) return "";
  return *value >= 1e6 ? fmt::format("{:.1e}×", *value) : fmt::format("{:.{}f}×", *value, *value < 10 ? 2 : 0);
}

Row row_of(const Comparison& comparison) {
  const auto& key = comparison.key;
  std::string name = key.root.empty() ? "" : printable(key.root) + ": ";
  name += (key.module.empty() ? "(root)" : printable(key.module)) + " " + printable(key.tensor);
  std::string moment = fmt::format("{}/{}", key.step ? std::to_string(*key.step) : "-", key.call);
  if (key.rank) moment += fmt::format("/{}", *key.rank);
  return {name,
          moment,
          std::string(status_name(comparison.status)),
          number(comparison.error),
          number(comparison.threshold),
          ratio_text(comparison),
          is_failure(comparison.status)};
}

// The end of a path says more than its beginning. Cuts between UTF-8 characters.
std::string shortened(const std::string& name, std::size_t width) {
  if (name.size() <= width || width < 2) return name;
  auto start = name.size() - (width - 1);
  while (start < name.size() && (static_cast<unsigned char>(name[start]) & 0xC0) == 0x80) ++start;
  return "…" + name.substr(start);
}

class Layout {
 public:
  Layout(const std::vector<Row>& rows, const TerminalStyle& style) : style_(style) {
    constexpr std::size_t kOtherColumns = 60, kLeast = 24;
    const auto most = style.width > kOtherColumns + kLeast ? style.width - kOtherColumns : kLeast;
    for (const auto& row : rows) name_width_ = std::max(name_width_, std::min(row.name.size(), most));
  }

  std::string header() const {
    return line({"module, tensor", "step/call", "status", "error", "threshold", "ratio", false});
  }
  std::string line(const Row& row) const {
    const auto status = fmt::format("{:<12}", row.status);
    return fmt::format("  {:<{}}  {:>9}  {}  {:>9}  {:>9}  {:>8}\n", shortened(row.name, name_width_), name_width_,
                       row.moment, row.failed && style_.colour ? "\x1b[31m" + status + "\x1b[0m" : status, row.error,
                       row.threshold, row.ratio);
  }

 private:
  TerminalStyle style_;
  std::size_t name_width_ = 14;
};

bool is_row(const Comparison& comparison) {
  return comparison.status != Status::Missing && comparison.status != Status::Extra;
}

std::vector<const Comparison*> rows_of(const Verdict& verdict) {
  std::vector<const Comparison*> rows;
  for (const auto& comparison : verdict.comparisons) {
    if (is_row(comparison)) rows.push_back(&comparison);
  }
  return rows;
}

std::string all_rows(const std::vector<const Comparison*>& comparisons, const TerminalStyle& style) {
  std::vector<Row> rows;
  rows.reserve(comparisons.size());
  for (const auto* comparison : comparisons) rows.push_back(row_of(*comparison));
  const Layout layout(rows, style);
  std::string text = layout.header();
  for (const auto& row : rows) text += layout.line(row);
  return text;
}

std::string closest_to_threshold(std::vector<const Comparison*> comparisons, const TerminalStyle& style) {
  constexpr std::size_t kShown = 5;
  std::erase_if(comparisons, [](const Comparison* comparison) { return !ratio(*comparison); });
  if (comparisons.empty()) return {};
  const auto shown = std::min(kShown, comparisons.size());
  std::partial_sort(comparisons.begin(), comparisons.begin() + static_cast<std::ptrdiff_t>(shown), comparisons.end(),
                    [](const auto* a, const auto* b) { return *ratio(*a) > *ratio(*b); });
  comparisons.resize(shown);
  return all_rows(comparisons, style);
}

// A line of the table: a record, or how many passes stand here in its place.
struct Entry {
  const Comparison* comparison = nullptr;
  std::size_t passes = 0;
};

// Keeps failures and the passes next to them; longer runs of passes become one entry.
std::vector<Entry> grouped(const std::vector<const Comparison*>& comparisons) {
  constexpr std::size_t kContext = 2;
  const auto count = comparisons.size();
  std::vector<bool> is_shown(count, false);
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_failure(comparisons[i]->status)) continue;
    const auto last = std::min(count - 1, i + kContext);
    for (auto k = i - std::min(i, kContext); k <= last; ++k) is_shown[k] = true;
  }
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < count; ++i) {
    if (is_shown[i]) {
      entries.push_back({comparisons[i], 0});
    } else if (!entries.empty() && !entries.back().comparison) {
      ++entries.back().passes;
    } else {
      entries.push_back({nullptr, 1});
    }
  }
  return entries;
}

std::string around_divergence(const std::vector<const Comparison*>& comparisons, const TerminalStyle& style) {
  auto entries = grouped(comparisons);
  std::size_t left_out = 0;
  for (std::size_t i = style.rows; i < entries.size(); ++i) left_out += entries[i].comparison ? 1 : entries[i].passes;
  if (entries.size() > style.rows) entries.resize(style.rows);

  std::vector<Row> rows;
  for (const auto& entry : entries) {
    if (entry.comparison) rows.push_back(row_of(*entry.comparison));
  }
  const Layout layout(rows, style);
  std::string text = layout.header();
  for (const auto& entry : entries) {
    text += entry.comparison ? layout.line(row_of(*entry.comparison)) : fmt::format("  … {} within\n", entry.passes);
  }
  if (left_out != 0) text += fmt::format("  … {} more records (--rows 0 shows all)\n", left_out);
  return text;
}

}  // namespace

std::string table(const Verdict& verdict, const TerminalStyle& style) {
  auto comparisons = rows_of(verdict);
  if (comparisons.empty()) return {};
  if (style.rows == 0) return all_rows(comparisons, style);
  if (verdict.passed) return closest_to_threshold(std::move(comparisons), style);
  const auto has_failed = [](const Comparison* comparison) { return is_failure(comparison->status); };
  if (std::none_of(comparisons.begin(), comparisons.end(), has_failed)) return {};
  return around_divergence(comparisons, style);
}

std::string printable(std::string_view text) {
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0u;
    const bool is_c1_control = byte == 0xC2 && next >= 0x80 && next < 0xA0;  // U+0080 to U+009F in UTF-8
    if (is_c1_control) {
      shown += fmt::format("\\x{:02x}", next);
      ++i;
    } else if (byte < 0x20 || byte == 0x7f) {
      shown += fmt::format("\\x{:02x}", byte);
    } else {
      shown += text[i];
    }
  }
  return shown;
}

}  // namespace fvhooks::internal
