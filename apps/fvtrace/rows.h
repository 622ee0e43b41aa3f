#pragma once
// Where the rows of `show` go: printed at once, or kept until the last is known.
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "columns.h"
#include "terminal.h"

namespace fvtrace {

struct ShownRow {
  std::vector<std::string> cells;
  SortKey key;
};

class Rows {
 public:
  virtual ~Rows() = default;
  virtual bool add(ShownRow row) = 0;  // false: no more are wanted
  virtual Written flush() = 0;         // what is known so far becomes visible
};

// Prints at most `most` rows (none: all), as a table, or one cell a line where there are no titles. The first rows
// settle how wide the columns are.
std::unique_ptr<Rows> printed_rows(std::vector<std::string> titles, std::optional<std::size_t> most);

// Hands on the last `count` when flushed, and from then on every one.
std::unique_ptr<Rows> last_rows(std::size_t count, std::unique_ptr<Rows> next);

// Hands on the first `count` (none: all) in the order of their keys, when flushed. Memory: those `count`.
std::unique_ptr<Rows> sorted_rows(std::optional<std::size_t> count, bool is_descending, std::unique_ptr<Rows> next);

}  // namespace fvtrace
