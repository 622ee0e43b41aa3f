#include "diff/introducer.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "core/counted.h"
#include "diff/call_stack.h"
#include "diff/error.h"
#include "diff/evidence_bias.h"
#include "diff/threshold.h"

// A run is a sequence of events: inputs when a module's forward begins, outputs when it returns, children before
// parents. Let the first wrong event be e; everything before e agrees.
//   e is an output of module m: m's inputs and the outputs of all modules inside it came before e, so they agree, and
//     the fault is in m's own code. (A leaf has nothing but its own code.)
//   e is an input of module m: whoever called m made it, out of its own inputs and the outputs of what it called
//     before, and those agree: the fault is in the caller's own code. The caller is the innermost module that had begun
//     and not returned.
namespace fvhooks::internal {
namespace {

// How many times larger an error is than what it was made from can explain. An error of less than a tenth of the one
// that is to be explained does not count.
class Leaps {
 public:
  explicit Leaps(double final_error) : least_(final_error / 10) {}

  double next(const RecordKey& key, const Row& row, std::size_t index) {
    const auto origin = calls_.origin(key, row.is_input);
    calls_.take(key, row, index);
    return !origin || std::isnan(row.error) ? 0 : row.error / std::max(origin->error, least_);
  }

 private:
  double least_;
  CallStack calls_;
};

struct Leap {
  std::size_t index = 0;
  double size = 0;  // 0: not known
};

bool is_same_value(const Row& a, const Row& b) { return a.error == b.error && a.abs_mean_bias == b.abs_mean_bias; }

// Where the tensor that this row shows was first seen in its step.
std::size_t first_seen(const Comparisons& pairs, std::size_t index) {
  const auto key = pairs.key(index);
  auto first = index;
  for (std::size_t i = index; i-- > 0;) {
    const auto earlier = pairs.key(i);
    if (earlier.step != key.step || earlier.rank != key.rank) break;
    if (is_same_value(pairs.row(i), pairs.row(index))) first = i;
  }
  return first;
}

std::optional<std::size_t> worst_input(const Comparisons& pairs, std::size_t output) {
  const auto key = pairs.key(output);
  std::optional<std::size_t> worst;
  for (std::size_t i = output; i-- > 0;) {
    const auto earlier = pairs.key(i);
    if (earlier.step != key.step || earlier.rank != key.rank) break;
    const auto& row = pairs.row(i);
    if (!row.is_input || !is_same_call(earlier, key) || !(row.error > 0)) continue;
    if (!worst || row.error > pairs.row(*worst).error) worst = i;
  }
  return worst;
}

double rounding_of(const Row& row) {
  const auto code = row.reference_dtype;
  return kMostGainByRounding * own_rounding(epsilon(code == Row::kNoDType ? DType::Float32 : static_cast<DType>(code)));
}

// A module that was right before, and now turns a difference of what the model is called with into a larger one (a
// sinus of a timestep): the fault is with the caller. The row that shows it, if so.
std::optional<std::size_t> enlarged_model_input(const Comparisons& pairs, std::size_t output) {
  if (pairs.row(output).is_input) return std::nullopt;
  const auto input = worst_input(pairs, output);
  if (!input || pairs.row(*input).error <= rounding_of(pairs.row(*input))) return std::nullopt;
  const auto source = first_seen(pairs, *input);
  if (!pairs.row(source).is_input || !pairs.key(source).module.empty()) return std::nullopt;
  const auto key = pairs.key(output);
  for (std::size_t i = 0; i < output; ++i) {
    const auto earlier = pairs.key(i);
    if (earlier.module == key.module && earlier.tensor == key.tensor && earlier.root == key.root) return source;
  }
  return std::nullopt;
}

std::optional<std::size_t> first_wrong_row(const Comparisons& pairs) {
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (is_wrong(pairs.row(i).status)) return i;
  }
  return std::nullopt;
}

// The first wrong row, unless it only carries on what leapt before and stayed within its threshold.
Leap evidence(const Comparisons& pairs, std::size_t first_wrong) {
  const auto& wrong = pairs.row(first_wrong);
  const Leap known{first_wrong, 0};
  const bool has_error = wrong.status == Status::Diverged && std::isfinite(wrong.error) && wrong.by_sketch();
  if (!has_error || wrong.is_settled || has_diverged_by_bias(wrong)) return known;
  Leaps leaps(wrong.error);
  Leap largest;
  for (std::size_t i = 0; i < first_wrong; ++i) {
    const double size = leaps.next(pairs.key(i), pairs.row(i), i);
    if (size > largest.size) largest = {i, size};
  }
  const Leap own{first_wrong, leaps.next(pairs.key(first_wrong), wrong, first_wrong)};
  if (own.size < kMostGainByRounding) return largest.size > kMostGainByRounding ? largest : own;
  const auto source = enlarged_model_input(pairs, first_wrong);
  return source ? Leap{*source, 0} : own;
}

std::string what_is_wrong(const Row& row) {
  if (row.status == Status::Shape) return "has another shape";
  if (row.status == Status::NonFinite) return "has other non-finite elements";
  if (has_diverged_by_bias(row)) return "differs systematically";
  return "differs";
}

Introducer introducer_at(const RecordKey& key) {
  Introducer introducer;
  introducer.root = key.root;
  introducer.module = key.module;
  introducer.step = key.step;
  introducer.call = key.call;
  introducer.rank = key.rank;
  return introducer;
}

bool has_inputs(const Comparisons& pairs) {
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (pairs.row(i).is_input && pairs.row(i).is_pair()) return true;
  }
  return false;
}

// One wrong row, and what was going on when it was recorded.
class Scene {
 public:
  Scene(const Comparisons& pairs, std::size_t index)
      : pairs_(pairs), index_(index), row_(pairs.row(index)), key_(pairs.key(index)) {
    for (std::size_t i = 0; i < index; ++i) calls_.take(pairs.key(i), pairs.row(i), i);
  }

  Introducer introducer() const {
    if (!row_.is_input) return own_code();
    if (key_.module.empty()) return outside();
    if (const auto caller = this->caller()) return code_of_caller(*caller);
    return root_or_outside();
  }

  Introducer first_wrong_output() const {
    auto introducer = introducer_at(key_);
    introducer.reason = "its " + key_.tensor + " is the first that " + what_is_wrong(row_) +
                        "; the fault is there or in code between it and the module before: inputs"
                        " (FASTVIDEO_TRACE_INPUTS=1 on both sides) would tell";
    return introducer;
  }

 private:
  struct Caller {
    RecordKey key;
    bool has_inputs = false;
  };

  // By time: the frame that began last and returns after this. By name, for calls whose inputs hold no tensor and so do
  // not show when they began: an ancestor with the same step and call that returns after this. The inner one wins.
  std::optional<Caller> caller() const {
    std::vector<const Frame*> open;
    for (const auto& frame : calls_.frames()) {
      if (!frame.has_returned && !is_same_call(frame.key, key_)) open.push_back(&frame);
    }
    const Frame* by_time = nullptr;
    std::optional<RecordKey> by_name;
    for (std::size_t i = index_ + 1; i < pairs_.size(); ++i) {
      const auto later = pairs_.key(i);
      if (later.rank != key_.rank || later.step != key_.step || pairs_.row(i).reference == Row::kNone) break;
      if (pairs_.row(i).is_input) continue;
      const auto frame =
          std::find_if(open.begin(), open.end(), [&](const Frame* other) { return is_same_call(other->key, later); });
      if (frame != open.end()) {
        if (!by_time || (*frame)->begin > by_time->begin) by_time = *frame;
        continue;
      }
      const bool is_of_this_forward = later.root == key_.root && later.call == key_.call;
      if (!is_of_this_forward || !is_ancestor(later.module, key_.module) || has_begun_later(later, i)) continue;
      if (!by_name || is_ancestor(by_name->module, later.module)) by_name = later;
    }
    if (by_name && (!by_time || is_ancestor(by_time->key.module, by_name->module))) return Caller{*by_name, false};
    return by_time ? std::optional(Caller{by_time->key, true}) : std::nullopt;
  }

  bool has_begun_later(const RecordKey& call, std::size_t end) const {
    for (std::size_t i = index_ + 1; i < end; ++i) {
      if (pairs_.row(i).is_input && is_same_call(pairs_.key(i), call)) return true;
    }
    return false;
  }

  Introducer own_code() const {
    auto introducer = introducer_at(key_);
    const auto unseen = blind_spots(key_);
    introducer.by_inputs = unseen.empty();
    introducer.reason = calls_.own_frame(key_) ? "its inputs agree" : "none of its inputs was recorded";
    if (has_children())
      introducer.reason += ", and so do the outputs of the modules inside it" + as_far_as_seen(unseen);
    introducer.reason += ", but its " + key_.tensor + " " + what_is_wrong(row_) + unseen;
    return introducer;
  }

  Introducer code_of_caller(const Caller& caller) const {
    auto introducer = introducer_at(caller.key);
    const auto unseen = blind_spots(caller.key);
    introducer.by_inputs = unseen.empty();
    introducer.reason = (caller.has_inputs ? "its inputs agree, and so do the outputs" : "the outputs agree") +
                        std::string(" of the modules that it called before") + as_far_as_seen(unseen) + ", but " +
                        key_.tensor + " of " + module_in_words(key_.module) + " " + what_is_wrong(row_) +
                        ": the fault is in " + module_in_words(caller.key.module) + "'s own code before that call" +
                        (unseen.empty() ? "" : ", or in what could not be compared") + unseen;
    return introducer;
  }

  Introducer outside() const {
    auto introducer = introducer_at(key_);
    introducer.by_inputs = true;
    introducer.outside = true;
    introducer.reason =
        key_.tensor + " of " + module_in_words(key_.module) + " " + what_is_wrong(row_) +
        " already when the model is called, and nothing differs before: the two were not given the same inputs";
    return introducer;
  }

  // No recorded module had begun: the caller is the root, which was not traced, or the code that calls the model.
  Introducer root_or_outside() const {
    auto root = key_;
    root.module.clear();
    auto introducer = introducer_at(root);
    const auto unseen = blind_spots(root);
    introducer.by_inputs = unseen.empty();
    introducer.reason = key_.tensor + " of " + module_in_words(key_.module) + " " + what_is_wrong(row_) +
                        " and nothing before it does: the fault is in the root module's own code before that call, or"
                        " the model was called with other inputs (FASTVIDEO_TRACE_ROOT=1 on both sides tells which)" +
                        unseen;
    return introducer;
  }

  bool has_children() const {
    for (std::size_t i = index_; i-- > 0;) {
      const auto earlier = pairs_.key(i);
      if (earlier.step != key_.step || earlier.rank != key_.rank) return false;
      if (is_ancestor(key_.module, earlier.module)) return true;
    }
    return false;
  }

  static std::string as_far_as_seen(const std::string& unseen) {
    return unseen.empty() ? "" : ", as far as they were compared";
  }

  // "; 2 records inside it before that could not be compared". Where there are some, nobody is accused: whoever was not
  // compared may be the one.
  std::string blind_spots(const RecordKey& call) const {
    std::size_t unseen = 0;
    for (std::size_t i = 0; i < index_; ++i) {
      const auto status = pairs_.row(i).status;
      if (status != Status::Missing && status != Status::Incomparable) continue;
      const auto key = pairs_.key(i);
      const bool is_inside = key.module == call.module || is_ancestor(call.module, key.module);
      unseen += is_inside && key.rank == call.rank && key.root == call.root && key.step == call.step;
    }
    if (unseen == 0) return {};
    return "; " + counted(unseen, "record") +
           " inside it before that could not be compared (missing in the port, or nothing in common)";
  }

  const Comparisons& pairs_;
  std::size_t index_;
  const Row& row_;
  RecordKey key_;
  CallStack calls_;
};

std::string how_it_came_about(const Comparisons& pairs, const Leap& leap) {
  const auto& row = pairs.row(leap.index);
  if (!is_wrong(row.status) && leap.size == 0) {
    return "; its error of " + short_number(row.error) +
           " is within its threshold, but more than its dtype's rounding,"
           " and what is computed from it differs more than that";
  }
  if (!is_wrong(row.status)) {
    return "; its error of " + short_number(row.error) + " is within its threshold, but " + short_number(leap.size) +
           " times what it was made from, and what diverges later carries it on";
  }
  if (leap.size != 0 && leap.size < kMostGainByRounding) {
    return "; nothing before leaps, so that the error may have grown little by little";
  }
  return {};
}

}  // namespace

std::optional<std::size_t> first_evidence(const Comparisons& pairs) {
  const auto first_wrong = first_wrong_row(pairs);
  return first_wrong ? std::optional(evidence(pairs, *first_wrong).index) : std::nullopt;
}

std::optional<Introducer> find_introducer(const Comparisons& pairs) {
  const auto first_wrong = first_wrong_row(pairs);
  if (!first_wrong) return std::nullopt;
  const auto leap = evidence(pairs, *first_wrong);
  const Scene scene(pairs, leap.index);
  auto introducer = has_inputs(pairs) ? scene.introducer() : scene.first_wrong_output();
  introducer.reason += how_it_came_about(pairs, leap);
  return introducer;
}

}  // namespace fvhooks::internal
