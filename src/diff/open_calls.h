#pragma once
// The calls that are being executed in a trace under injection, and what each has to build on.
#include <cstddef>
#include <optional>
#include <vector>

#include "fvhooks/comparison.h"

namespace fvhooks::internal {

struct OpenCall {
  RecordKey key;
  double error = 0;       // the largest of what it was given and could not be reset, within thresholds
  double epsilon = 0;     // of the coarsest dtype in it so far
  bool is_judged = true;  // false: something that it was given is wrong
  bool has_inputs = false;
  bool has_children = false;
  bool has_returned = false;
};

class OpenCalls {
 public:
  // The call that this row belongs to, which begins with its first row, and the one that made the call: the caller of
  // the outermost module is one of its own, with no key. Valid until the next.
  struct Place {
    OpenCall* own;
    OpenCall* caller;
    bool is_outermost;
  };
  Place enter(const RecordKey& key, const Row& row);

  // The row is judged: what it hands on.
  static void leave(const Place& place, const Row& row, double epsilon);

 private:
  void begin_run(const RecordKey& key);

  OpenCall outside_;
  std::vector<OpenCall> calls_;  // from the outermost
  std::optional<RecordKey> last_;
};

}  // namespace fvhooks::internal
