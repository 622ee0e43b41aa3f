#include "diff/call_stack.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

namespace fvhooks::internal {
namespace {

// Of a pair: how far apart; infinity if it is known to be wrong without a number.
double error_of(const Row& row) {
  if (!std::isnan(row.error)) return row.error;
  return is_wrong(row.status) ? std::numeric_limits<double>::infinity() : 0;
}

}  // namespace

bool is_ancestor(std::string_view module, std::string_view of) noexcept {
  if (module.empty()) return !of.empty();
  return of.size() > module.size() && of.starts_with(module) && of[module.size()] == '.';
}

bool is_same_call(const RecordKey& a, const RecordKey& b) noexcept {
  return std::tie(a.call, a.step, a.rank, a.module, a.root) == std::tie(b.call, b.step, b.rank, b.module, b.root);
}

const Frame* CallStack::own_frame(const RecordKey& key) const {
  const auto own =
      std::find_if(frames_.rbegin(), frames_.rend(), [&](const Frame& frame) { return is_same_call(frame.key, key); });
  return own == frames_.rend() ? nullptr : &*own;
}

const Frame* CallStack::caller(const RecordKey& key) const {
  const auto end = own_frame(key) ? frames_.begin() + (own_frame(key) - frames_.data()) : frames_.end();
  for (auto frame = end; frame != frames_.begin();) {
    --frame;
    if (!frame->has_returned) return &*frame;
  }
  return nullptr;
}

std::optional<CallStack::Origin> CallStack::origin(const RecordKey& key, bool is_input) const {
  const auto* frame = is_input ? caller(key) : own_frame(key);
  if (!frame && !is_input) frame = caller(key);
  if (frame) return Origin{frame->error, frame->epsilon};
  if (is_input) return std::nullopt;
  return Origin{std::max(step_.error, step_before_.error), std::max(step_.epsilon, step_before_.epsilon)};
}

double CallStack::error_of_step_before(const RecordKey& key) const {
  if (!last_ || last_->rank != key.rank) return 0;
  return last_->step == key.step ? step_before_.error : step_.error;
}

void CallStack::begin_step(const RecordKey& key) {
  if (last_ && last_->rank != key.rank) {
    frames_.clear();
    step_ = step_before_ = {};
  } else if (last_ && last_->step != key.step) {
    step_before_ = std::exchange(step_, {});
  }
  last_ = key;
}

// A module that has returned stays for its further outputs, until another one has its turn.
void CallStack::drop_returned(const RecordKey& key) {
  while (!frames_.empty() && frames_.back().has_returned && !is_same_call(frames_.back().key, key)) frames_.pop_back();
}

void CallStack::take(const RecordKey& key, const Row& row, std::size_t index, double epsilon) {
  begin_step(key);
  drop_returned(key);
  const bool is_input = row.is_input;
  const auto own =
      std::find_if(frames_.begin(), frames_.end(), [&](const Frame& frame) { return is_same_call(frame.key, key); });
  if (is_input && own == frames_.end()) {
    frames_.push_back({key, index, 0, 0, false});
  } else if (!is_input && own != frames_.end()) {
    own->has_returned = true;
    frames_.erase(own + 1, frames_.end());  // those that never returned
  }
  const double error = error_of(row);
  const auto raise = [&](auto& origin) {
    origin.error = std::max(origin.error, error);
    origin.epsilon = std::max(origin.epsilon, epsilon);
  };
  for (auto& frame : frames_) {
    if (!frame.has_returned) raise(frame);  // an output is not made of another one
  }
  raise(step_);
}

}  // namespace fvhooks::internal
