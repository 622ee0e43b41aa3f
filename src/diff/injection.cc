#include "diff/injection.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "core/counted.h"
#include "diff/error.h"
#include "diff/evidence_bias.h"
#include "diff/open_calls.h"
#include "diff/threshold.h"

// What a module returns was replaced by what the reference's returned, at every level of nesting. So
//   a wrong output, of a module whose inputs agree, is the module's own: what the modules inside it returned was reset;
//   a wrong input is its caller's own, if the caller's inputs agree: whatever the caller built on was reset;
//   a module that was given something wrong cannot be judged in that call, unless its inputs were reset as well.
namespace fvhooks::internal {
namespace {

// Calls `visit(place, row, index)` for each pair, in the reference's order; what the row's status is then, it hands on.
template <class PairsOrConst, class Epsilon, class Visit>
void walk_calls(PairsOrConst& pairs, const Epsilon& epsilon_of, const Visit& visit) {
  OpenCalls calls;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    auto& row = pairs.row(i);
    if (!row.is_pair()) continue;
    const auto place = calls.enter(pairs.key(i), row);
    visit(place, row, i);
    OpenCalls::leave(place, row, epsilon_of(row));
  }
}

// What made the row.
OpenCall& maker(const OpenCalls::Place& place, const Row& row) { return row.is_input ? *place.caller : *place.own; }

class AloneThresholds {
 public:
  AloneThresholds(const DiffOptions& options, const NoiseFloors* noise, bool port_dtypes_count)
      : options_(options), noise_(noise), port_dtypes_count_(port_dtypes_count) {}

  double epsilon_of(const Row& row) const { return row_epsilon(row, options_.assumed_dtype, port_dtypes_count_); }

  double next(const RecordKey& key, const Row& row, const OpenCall& made_by) {
    if (options_.rtol) return *options_.rtol;
    const double own = epsilon_of(row);
    const bool is_narrowed = row.is_narrower && !port_dtypes_count_;
    const double coarsest = is_narrowed ? own : std::max(own, made_by.epsilon);
    const double alone = noise_ ? noise_->alone(key) : Row::kNaN;
    if (!std::isnan(alone)) {
      ++by_noise_;
      return std::max(noise_->factor() * alone, kMostGainByRounding * rounding_of_a_store(coarsest));
    }
    const double least = kMostGainByRounding * own_rounding(coarsest);
    const double by_noise = noise_ ? noise_->threshold(row.reference, key) : Row::kNaN;
    by_noise_ += !std::isnan(by_noise);
    return std::max(std::isnan(by_noise) ? kMostGainByRounding * made_by.error : by_noise, least);
  }

  std::string source() const {
    if (options_.rtol) return "relative error " + short_number(*options_.rtol) + " for every record, as asked";
    const auto gain = short_number(kMostGainByRounding);
    std::string text = gain + " times what one operation may add, or the error of what it was given: each record alone";
    if (by_noise_ == 0) return text;
    return text + "; for " + counted(by_noise_, "record") + " no less than " + short_number(noise_->factor()) +
           " times the error of the noise traces";
  }

 private:
  const DiffOptions& options_;
  const NoiseFloors* noise_;
  const bool port_dtypes_count_;
  std::size_t by_noise_ = 0;
};

void judge_biases(Pairs& pairs, const NoiseFloors* noise) {
  const auto no_epsilon = [](const Row&) { return 0.0; };
  BiasTest test;
  walk_calls(pairs, no_epsilon, [&](const auto& place, const Row& row, std::size_t i) {
    if (row.status == Status::Within && maker(place, row).is_judged) test.add(pairs.key(i), row);
  });
  walk_calls(pairs, no_epsilon, [&](const auto& place, Row& row, std::size_t i) {
    const bool is_in_doubt = row.status == Status::Within && maker(place, row).is_judged;
    if (is_in_doubt && test.is_biased(pairs.key(i), row, noise)) row.status = Status::Diverged;
  });
}

std::string list_of(const std::set<std::string>& names) {
  constexpr std::size_t kShown = 5;
  std::string text;
  std::size_t shown = 0;
  for (const auto& name : names) {
    if (shown++ == kShown) return text + ", …";
    text += (text.empty() ? "" : ", ") + module_in_words(name);
  }
  return text;
}

void note_what_was_not_injected(std::vector<std::string>& notes, const Pairs& pairs) {
  std::set<std::string> absent, failed, shape;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto what = pairs.row(i).injected();
    if (what == Injected::Absent) absent.insert(pairs.key(i).module);
    if (what == Injected::Failed) failed.insert(pairs.key(i).module);
    if (what == Injected::Shape) shape.insert(pairs.key(i).module);
  }
  const auto note = [&](const std::set<std::string>& modules, const std::string& what) {
    if (!modules.empty()) notes.push_back(what + " of " + counted(modules.size(), "module") + ": " + list_of(modules));
  };
  note(absent, "nothing was captured of some tensor");
  note(failed, "a captured tensor could not be compared");
  note(shape, "a captured tensor has another shape and was not put in its place:");
}

std::string how_it_differs(const Row& row) {
  if (row.status == Status::Shape) return "has another shape";
  if (row.status == Status::NonFinite) return "has other non-finite elements";
  if (has_diverged_by_bias(row)) return "differs systematically: " + bias_clause(row);
  if (row.threshold == 0) return "differs";
  return "differs by " + short_number(row.error) + " where " + short_number(row.threshold) + " is allowed";
}

class WrongModules {
 public:
  explicit WrongModules(const Pairs& pairs) : pairs_(pairs) {}

  void add(const OpenCalls::Place& place, const Row& row, std::size_t index) {
    if (!is_wrong(row.status)) return;
    const auto key = pairs_.key(index);
    const bool is_given_wrong = row.is_input && row.injected() != Injected::Replaced;
    if (is_given_wrong) unjudged_.insert(key.module);
    if (!maker(place, row).is_judged) return;
    if (!row.is_input) return blame(own_code(key, *place.own, row), index);
    if (!place.is_outermost) return blame(code_of_caller(key, *place.caller, row), index);
    blame(key.module.empty() ? outside(key, row) : root_or_outside(key, row), index);
  }

  Wrong take() { return {std::move(modules_), {unjudged_.begin(), unjudged_.end()}}; }

 private:
  static Introducer wrong_at(const RecordKey& key) {
    Introducer module;
    module.root = key.root;
    module.module = key.module;
    module.step = key.step;
    module.call = key.call;
    module.rank = key.rank;
    module.by_inputs = true;
    return module;
  }

  static std::string what_agrees(const OpenCall& call) {
    return std::string(call.has_inputs ? "its inputs agree" : "nothing is known of its inputs") +
           (call.has_children ? ", what the modules inside it returned was reset" : "");
  }

  static Introducer own_code(const RecordKey& key, const OpenCall& own, const Row& row) {
    auto module = wrong_at(key);
    module.by_inputs = own.has_inputs;
    module.reason = what_agrees(own) + ", but its " + key.tensor + " " + how_it_differs(row);
    return module;
  }

  static Introducer code_of_caller(const RecordKey& key, const OpenCall& caller, const Row& row) {
    auto module = wrong_at(caller.key);
    module.reason = what_agrees(caller) + ", but the " + key.tensor + " that it gives " + module_in_words(key.module) +
                    " " + how_it_differs(row);
    return module;
  }

  static Introducer outside(const RecordKey& key, const Row& row) {
    auto caller = wrong_at(key);
    caller.outside = true;
    caller.reason = "what the model returned before was reset, but the " + key.tensor + " that it is called with " +
                    how_it_differs(row);
    return caller;
  }

  static Introducer root_or_outside(const RecordKey& key, const Row& row) {
    auto root = wrong_at(key);
    root.module.clear();
    root.by_inputs = false;
    root.reason = "what the modules before returned was reset, but the " + key.tensor + " of " +
                  module_in_words(key.module) + " " + how_it_differs(row) +
                  ": in the root module's own code, or the model was called with other inputs"
                  " (FASTVIDEO_TRACE_ROOT=1 tells which)";
    return root;
  }

  void blame(Introducer module, std::size_t index) {
    const auto found = std::find_if(modules_.begin(), modules_.end(), [&](const WrongModule& wrong) {
      return std::tie(wrong.module.root, wrong.module.module, wrong.module.outside) ==
             std::tie(module.root, module.module, module.outside);
    });
    const std::tuple moment(module.rank, module.step, module.call);
    if (found == modules_.end()) {
      modules_.push_back({std::move(module), index});
      moments_.push_back({moment});
    } else if (moments_[static_cast<std::size_t>(found - modules_.begin())].insert(moment).second) {
      ++found->module.calls;
    }
  }

  using Moment = std::tuple<std::optional<std::int64_t>, std::optional<std::int64_t>, std::uint64_t>;

  const Pairs& pairs_;
  std::vector<WrongModule> modules_;
  std::vector<std::set<Moment>> moments_;  // of each
  std::set<std::string> unjudged_;
};

}  // namespace

bool is_injected(const Pairs& pairs) {
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (pairs.row(i).injected() != Injected::No) return true;
  }
  return false;
}

Judgement judge_injected_rows(Pairs& pairs, const DiffOptions& options, const NoiseFloors* noise) {
  AloneThresholds thresholds(options, noise, is_narrower_throughout(pairs));
  const auto epsilon_of = [&](const Row& row) { return thresholds.epsilon_of(row); };
  walk_calls(pairs, epsilon_of, [&](const auto& place, Row& row, std::size_t i) {
    if (row.is_settled) {
      if (row.status == Status::Diverged) row.threshold = 0;  // integers
      return;
    }
    row.threshold = static_cast<float>(thresholds.next(pairs.key(i), row, maker(place, row)));
    row.status = row.error <= row.threshold ? Status::Within : Status::Diverged;
  });
  // An explicit tolerance is one of errors, and leaves nothing to a test of ours.
  if (!options.rtol) judge_biases(pairs, noise);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    auto& row = pairs.row(i);
    if (row.is_reordered && !is_failure(row.status)) row.status = Status::Reordered;
  }
  Judgement judgement;
  judgement.threshold_source = thresholds.source();
  note_what_was_not_injected(judgement.notes, pairs);
  return judgement;
}

Wrong find_wrong_modules(const Pairs& pairs) {
  WrongModules wrong(pairs);
  walk_calls(
      pairs, [](const Row&) { return 0.0; },
      [&](const auto& place, const Row& row, std::size_t i) { wrong.add(place, row, i); });
  return wrong.take();
}

}  // namespace fvhooks::internal
