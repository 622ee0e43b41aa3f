#pragma once
// A pair of records, twice: a Row of numbers, of which a diff holds millions, and a Comparison for a person to read.
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "fvhooks/dtype.h"
#include "fvhooks/record.h"

namespace fvhooks {

enum class Status : std::uint8_t {
  Equal,         // the same bits, as far as the record can tell
  Within,        // differs by no more than the threshold
  Diverged,      // differs by more
  Shape,         // another shape
  NonFinite,     // NaN or infinity on one side only, or in other numbers
  Missing,       // only in the reference
  Extra,         // only in the port
  Reordered,     // within, but executed in another order than the reference's
  Incomparable,  // nothing that both sides have could be compared
};
inline constexpr std::size_t kStatusCount = 9;
std::string_view status_name(Status status) noexcept;  // "non-finite"
std::optional<Status> status_named(std::string_view name) noexcept;
bool is_failure(Status status) noexcept;  // everything but Equal, Within and Reordered
bool is_wrong(Status status) noexcept;    // values known to differ: Diverged, Shape, NonFinite

// Not a number: there is none.
struct Row {
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::uint8_t kNoDType = 15;
  static constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

  std::uint32_t reference = kNone, port = kNone;  // place in that side's order of execution; kNone: absent there
  float error = kNaN;                             // relative L2, or relative difference of magnitudes (no sketch)
  float threshold = kNaN;                         // that it was held against
  // (port − reference) / the reference's magnitude: what is systematic, where rounding averages out.
  float abs_mean_bias = kNaN, mean_bias = kNaN;  // of rms where there is no abs_mean
  float bias_noise = kNaN;  // the share of an error that rounding leaves in a bias: 1/sqrt(channels)
  Status status = Status::Incomparable;
  std::uint8_t sketch_log2 : 4 = 0;  // log2 of the buckets that gave the error; 0: no sketch, permutations are not seen
  bool is_settled : 1 = false;       // the status needs no threshold
  bool is_reordered : 1 = false;
  bool is_input : 1 = false;
  bool has_non_finite : 1 = false;  // on both sides
  std::uint8_t reference_dtype : 4 = kNoDType, port_dtype : 4 = kNoDType;
  bool is_measured : 1 = false;  // all but the places, and what comes of a threshold
  bool is_narrower : 1 = false;  // the port's values fit in a coarser dtype than the reference's do
  std::uint8_t injected_code : 3 = 0;
  bool is_exact : 1 = false;  // the error is one of whole tensors, made under injection

  bool is_pair() const noexcept { return reference != kNone && port != kNone; }
  Injected injected() const noexcept { return static_cast<Injected>(injected_code); }
  bool by_sketch() const noexcept { return sketch_log2 != 0; }
};
static_assert(sizeof(Row) == 32);

struct RecordKey {
  std::string root, module, tensor;
  std::optional<std::int64_t> step;
  std::uint64_t call = 0;
  std::optional<std::int64_t> rank;
};

struct Comparison {
  RecordKey key;
  Status status = Status::Incomparable;
  std::optional<double> error, error_low, error_high;  // with its 90 % interval, where a sketch gave it
  std::optional<double> threshold;                     // that it was held against
  std::optional<double> bias;                          // the largest of the row's, signed
  std::optional<double> floor;                         // error of the noise traces here
  bool by_sketch = false;                              // false: permutations cannot be seen
  std::string dtype;                                   // the reference's, empty if not recorded
  std::string detail;                                  // one clause for a person: why Shape, NonFinite, Incomparable
  std::optional<std::uint64_t> reference_line, port_line;

  std::optional<double> ratio() const noexcept;  // error / threshold
};

struct RecordPair {
  std::optional<Record> reference, port;  // nullopt: absent there, or not to be read again
};

// All pairs of a diff: in the reference's order of execution, extras last, in the port's. One thread at a time.
class Comparisons {
 public:
  virtual ~Comparisons() = default;
  virtual std::size_t size() const noexcept = 0;
  virtual const Row& row(std::size_t index) const = 0;
  virtual RecordKey key(std::size_t index) const = 0;
  virtual Comparison at(std::size_t index) const = 0;       // reads both lines again
  virtual RecordPair records(std::size_t index) const = 0;  // the lines themselves, for a report that shows both sides
};

}  // namespace fvhooks
