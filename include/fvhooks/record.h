#pragma once
// One line of a trace (docs/record.md is the definition).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "fvhooks/stat.h"
#include "fvhooks/stats.h"

namespace fvhooks {

// JSON that is written as it stands (a value from a caller's own statistic).
struct RawJson {
  std::string text;
  bool operator==(const RawJson&) const = default;
};

// null; a float (non-finite ones are written as strings); an exact integer; text; a shape; anything else.
using Value = std::variant<std::nullptr_t, double, Int128, std::string, std::vector<std::int64_t>, RawJson>;

// What a run under injection (docs/inject.md) did with a tensor.
enum class Injected : std::uint8_t {
  No,        // the run is under none
  Compared,  // held against the captured tensor, and left as it was
  Replaced,  // held against it, and replaced by it
  Absent,    // nothing was captured of it
  Shape,     // what was captured has another shape
  Failed,    // could not be compared
};
std::string_view injected_name(Injected injected) noexcept;  // "replaced"; empty: No
std::optional<Injected> injected_named(std::string_view name) noexcept;

struct Injection {
  Injected what = Injected::No;
  std::optional<double> error;  // relative L2 from the captured tensor, of all elements

  bool operator==(const Injection&) const = default;
};

struct Record {
  std::string module;
  std::string tensor;
  std::optional<std::int64_t> step;
  std::vector<std::pair<std::string, Value>> stats;  // in the order asked

  // What FastVideo's own records do not have.
  std::optional<std::uint64_t> call, seq;
  std::string run;   // empty: absent
  std::string root;  // empty: absent
  std::optional<std::int64_t> rank;
  std::uint64_t nan = 0, inf = 0;  // absent if 0
  Sketch sketch;                   // buckets 0: absent
  Injection injection;

  const Value* find(std::string_view stat) const noexcept;  // null if the record has no such statistic
  std::optional<double> number(
      std::string_view stat) const noexcept;  // also "NaN" and the infinities; nullopt if not a number
};

// The value of a requested statistic.
Value stat_value(Stat stat, const TensorStats& stats, const TensorView& tensor);

// Appends the record and a newline to `line`. Text that is not UTF-8 gets U+FFFD in its place.
void append_json(std::string& line, const Record& record);

// "1:<k>:<base64>" and back; nullopt if it is none, or of a version that this build does not know.
std::string encode_sketch(const Sketch& sketch);
std::optional<Sketch> decode_sketch(std::string_view text);

}  // namespace fvhooks
