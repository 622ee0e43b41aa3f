#include "report/html_rows.h"

#include <algorithm>

namespace fvhooks::internal {
namespace {

std::string shape_text(const Record& record) {
  const auto* value = record.find("shape");
  const auto* sizes = value ? std::get_if<std::vector<std::int64_t>>(value) : nullptr;
  if (!sizes) return {};
  std::string text = "[";
  for (const auto size : *sizes) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

std::string dtype_text(const Record& record) {
  const auto* value = record.find("dtype");
  const auto* name = value ? std::get_if<std::string>(value) : nullptr;
  return name ? *name : std::string();
}

}  // namespace

std::uint64_t StringTable::place(std::string_view text) {
  const auto [found, is_new] = places_.try_emplace(std::string(text), strings_.size());
  if (is_new) strings_.emplace_back(text);
  return found->second;
}

SideStatistics::SideStatistics(std::string side, std::size_t rows, std::vector<std::string>& names,
                               StringTable& strings)
    : side_(std::move(side)),
      rows_(rows),
      names_(names),
      strings_(strings),
      present_(rows),
      shape_(rows, strings.place("")),
      dtype_(rows, strings.place("")) {}

void SideStatistics::add(std::size_t row, const Record& record) {
  for (const auto& [name, value] : record.stats) {
    if (const auto number = record.number(name)) add_number(row, name, *number);
  }
  if (record.nan != 0) add_number(row, "nan", static_cast<double>(record.nan));
  if (record.inf != 0) add_number(row, "inf", static_cast<double>(record.inf));
  shape_[row] = strings_.place(shape_text(record));
  dtype_[row] = strings_.place(dtype_text(record));
}

void SideStatistics::add_number(std::size_t row, std::string_view name, double value) {
  const auto found = std::find(names_.begin(), names_.end(), name);
  const auto index = static_cast<std::size_t>(found - names_.begin());
  if (index >= kMost) return;
  if (found == names_.end()) names_.emplace_back(name);
  auto& column = numbers_[index];
  column.resize(rows_);
  column[row] = value;
  present_[row] |= std::uint64_t{1} << index;
}

void SideStatistics::move_into(std::vector<HtmlColumn>& columns) {
  if (rows_ == 0) return;
  if (numbers_.empty() && std::ranges::count(shape_, shape_.front()) == std::ssize(shape_)) return;
  columns.push_back({side_ + ".present", std::move(present_)});
  columns.push_back({side_ + ".shape", std::move(shape_)});
  columns.push_back({side_ + ".dtype", std::move(dtype_)});
  for (auto& [index, column] : numbers_) {
    columns.push_back({side_ + "." + std::to_string(index), std::move(column)});
  }
}

}  // namespace fvhooks::internal
