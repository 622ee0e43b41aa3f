#pragma once
// How far two records of one tensor are apart.
#include <optional>
#include <string>

#include "fvhooks/comparison.h"
#include "fvhooks/record.h"

namespace fvhooks::internal {

struct Measured {
  // Equal, Shape, NonFinite, Incomparable, and Diverged of integers, need no threshold. Empty: hold error against one.
  std::optional<Status> settled;
  std::optional<double> error;
  int buckets = 0;  // of the sketches that gave the error; 0: statistics did
  std::string detail;
};

enum class Detail { Without, With };  // a clause for a person takes longer than the numbers

Measured measure(const Record& reference, const Record& port, Detail detail = Detail::With);

// The same as numbers: all of a row but its places in either trace and what comes of a threshold.
Row measured_row(const Record& reference, const Record& port);

// Where the true relative L2 is in nine cases of ten, if sketches of so many buckets say `error`.
struct Interval {
  double low = 0, high = 0;
};
Interval error_interval(double error, int buckets) noexcept;

bool has_non_finite(const Record& record);  // by its counts or its statistics
std::optional<DType> recorded_dtype(const Record& record);
std::uint8_t dtype_code(const Record& record);                          // as a row has it
const std::vector<std::int64_t>* recorded_shape(const Record& record);  // null: not recorded

// For a person: four significant digits; a module's name, or "the root module".
std::string short_number(double value);
std::string module_in_words(std::string_view module);

}  // namespace fvhooks::internal
