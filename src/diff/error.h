#pragma once
// How far two records of one tensor are apart.
#include <optional>
#include <string>

#include "fvhooks/diff.h"
#include "fvhooks/record.h"

namespace fvhooks::internal {

struct Measured {
  // Equal, Shape, NonFinite, Incomparable, and Diverged of integers, need no threshold. Empty: hold error against one.
  std::optional<Status> settled;
  std::optional<double> error;
  bool by_sketch = false;
  std::string detail;
};

Measured measure(const Record& reference, const Record& port);

bool has_non_finite(const Record& record);  // by its counts or its statistics
std::optional<DType> recorded_dtype(const Record& record);
std::optional<std::vector<std::int64_t>> recorded_shape(const Record& record);

// Four significant digits, for a person.
std::string short_number(double value);

}  // namespace fvhooks::internal
