#pragma once
// Which modules are being executed, told from the order of records alone: inputs when a forward begins, outputs when it
// returns. Memory: one entry a level of nesting.
#include <cstddef>
#include <vector>

#include "fvhooks/comparison.h"

namespace fvhooks::internal {

bool is_ancestor(std::string_view module, std::string_view of) noexcept;  // not of itself; "" of all others
bool is_same_call(const RecordKey& a, const RecordKey& b) noexcept;       // of one module, whichever tensor

// One execution of a module that has begun.
struct Frame {
  RecordKey key;          // of its first input
  std::size_t begin = 0;  // and where that is
  double error = 0;       // the largest since then; infinity: known to be wrong
  double epsilon = 0;     // of the coarsest dtype since then
  bool has_returned = false;
};

class CallStack {
 public:
  // Before the record at `index` is taken in. Null: none that was recorded.
  const Frame* own_frame(const RecordKey& key) const;
  const Frame* caller(const RecordKey& key) const;

  // What a record was made of, as far as was recorded: an output, of its module's inputs and of all that was recorded
  // inside it; an input, of the same of its caller. Nothing: an input of the outermost module.
  struct Origin {
    double error = 0;    // the largest
    double epsilon = 0;  // of the coarsest dtype
  };
  std::optional<Origin> origin(const RecordKey& key, bool is_input) const;

  // The largest error of the step before this record's: what the outermost module is called with comes from there.
  double error_of_step_before(const RecordKey& key) const;

  // `epsilon` of the row's dtype, for origins to tell.
  void take(const RecordKey& key, const Row& row, std::size_t index, double epsilon = 0);

  const std::vector<Frame>& frames() const noexcept { return frames_; }  // from the outermost

 private:
  void begin_step(const RecordKey& key);
  void drop_returned(const RecordKey& key);

  std::vector<Frame> frames_;
  Origin step_, step_before_;  // outside all modules: a step begins with the result of the one before
  std::optional<RecordKey> last_;
};

}  // namespace fvhooks::internal
