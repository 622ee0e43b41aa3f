#include "diff/open_calls.h"

#include <algorithm>
#include <cmath>

#include "diff/call_stack.h"
#include "fvhooks/diff.h"

namespace fvhooks::internal {

// A step begins with nothing open; what calls the model lives through all steps of its rank.
void OpenCalls::begin_run(const RecordKey& key) {
  if (last_ && last_->rank != key.rank) outside_ = {};
  if (last_ && (last_->rank != key.rank || last_->step != key.step)) calls_.clear();
  last_ = key;
}

OpenCalls::Place OpenCalls::enter(const RecordKey& key, const Row& row) {
  begin_run(key);
  while (!calls_.empty() && calls_.back().has_returned && !is_same_call(calls_.back().key, key)) calls_.pop_back();
  auto own = std::find_if(calls_.begin(), calls_.end(), [&](const auto& call) { return is_same_call(call.key, key); });
  if (own == calls_.end()) {  // an output without inputs is a call that nothing is known of
    calls_.emplace_back().key = key;
    own = calls_.end() - 1;
  } else if (!row.is_input) {
    calls_.erase(own + 1, calls_.end());  // those that never returned
  }
  own->has_inputs |= row.is_input;
  own->has_returned |= !row.is_input;
  const bool is_outermost = own == calls_.begin();
  auto* const caller = is_outermost ? &outside_ : &*(own - 1);
  caller->has_children = true;
  return {&*own, caller, is_outermost};
}

void OpenCalls::leave(const Place& place, const Row& row, double epsilon) {
  auto* const own = place.own;
  auto* const caller = place.caller;
  own->epsilon = std::max(own->epsilon, epsilon);
  caller->epsilon = std::max(caller->epsilon, epsilon);
  const bool is_reset = row.injected() == Injected::Replaced;
  const auto hand_on = [&](OpenCall& call) {
    if (is_wrong(row.status)) {
      call.is_judged = false;
    } else if (!std::isnan(row.error)) {
      call.error = std::max(call.error, double{row.error});
    }
  };
  if (!is_reset) hand_on(row.is_input ? *own : *caller);
  // What the caller made of its own, within its threshold, it may go on with.
  if (row.is_input && !is_wrong(row.status) && !std::isnan(row.error))
    caller->error = std::max(caller->error, double{row.error});
}

}  // namespace fvhooks::internal
