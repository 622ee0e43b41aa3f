#pragma once
// Gathers the columns of the HTML page, a record at a time.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fvhooks/diff.h"
#include "fvhooks/record.h"
#include "report/html_data.h"

namespace fvhooks::internal {

// Each text once; a column holds its place.
class StringTable {
 public:
  std::uint64_t place(std::string_view text);
  const std::vector<std::string>& strings() const noexcept { return strings_; }

 private:
  std::unordered_map<std::string, std::uint64_t> places_;
  std::vector<std::string> strings_;
};

// The numbers of one side's records, a column a statistic; a bit for each in `present` says whether a record has it.
class SideStatistics {
 public:
  static constexpr std::size_t kMost = 31;  // bits of an integer in JavaScript that are not its sign

  SideStatistics(std::string side, std::size_t rows, std::vector<std::string>& names, StringTable& strings);
  void add(std::size_t row, const Record& record);
  void move_into(std::vector<HtmlColumn>& columns);

 private:
  void add_number(std::size_t row, std::string_view name, double value);

  std::string side_;
  std::size_t rows_;
  std::vector<std::string>& names_;  // of both sides
  StringTable& strings_;
  std::map<std::size_t, std::vector<double>> numbers_;  // by place in names_
  std::vector<std::uint64_t> present_, shape_, dtype_;
};

}  // namespace fvhooks::internal
