#include "diff/introducer.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "diff/trace.h"

// A run is a sequence of events: inputs when a module's forward begins, outputs when it returns, children before
// parents. Let the first wrong event be e; everything before e agrees.
//   e is an output of module m: m's inputs and the outputs of all modules inside it came before e, so they agree, and
//   the
//     fault is in m's own code. (A leaf has nothing but its own code.)
//   e is an input of module m: whoever called m made it, out of its own inputs and the outputs of what it called
//   before, and
//     those agree: the fault is in the caller's own code. The caller is the innermost module that had begun and not
//     returned.
namespace fvhooks::internal {
namespace {

using CallKey = std::tuple<std::optional<std::int64_t>, std::string_view, std::optional<std::int64_t>, std::uint64_t,
                           std::string_view>;

CallKey key_of(const RecordKey& key) { return {key.rank, key.root, key.step, key.call, key.module}; }

// One execution of a module, as far as the trace saw it: positions in the reference's order.
struct Call {
  const RecordKey* key = nullptr;
  std::optional<std::size_t> begin;  // first input
  std::optional<std::size_t> end;    // last output
};

std::vector<Call> executions(const std::vector<Comparison>& comparisons) {
  std::vector<Call> calls;
  std::map<CallKey, std::size_t> index;
  for (std::size_t i = 0; i < comparisons.size(); ++i) {
    const auto& comparison = comparisons[i];
    if (comparison.status == Status::Extra) continue;
    const auto [entry, is_new] = index.try_emplace(key_of(comparison.key), calls.size());
    if (is_new) calls.push_back({&comparison.key, {}, {}});
    auto& call = calls[entry->second];
    if (!is_input(comparison.key.tensor)) {
      call.end = i;
    } else if (!call.begin) {
      call.begin = i;
    }
  }
  return calls;
}

bool is_ancestor(std::string_view module, std::string_view of) {
  if (module.empty()) return !of.empty();
  return of.size() > module.size() && of.starts_with(module) && of[module.size()] == '.';
}

// By time: the call that began last before `position` and returned after it. By name, for calls whose inputs hold no
// tensor and so do not show when they began: an ancestor with the same step and call that returns later. The inner one
// wins.
const Call* caller_of(const std::vector<Call>& calls, const RecordKey& callee, std::size_t position) {
  const Call* by_time = nullptr;
  std::size_t latest_begin = 0;
  const Call* by_name = nullptr;
  for (const auto& call : calls) {
    const bool is_self = key_of(*call.key) == key_of(callee);
    if (is_self || call.key->rank != callee.rank || !call.end || *call.end < position) continue;
    if (call.begin) {
      const auto begin = *call.begin;
      if (begin < position && (!by_time || begin > latest_begin)) {
        by_time = &call;
        latest_begin = begin;
      }
      continue;
    }
    const bool is_same_forward =
        call.key->root == callee.root && call.key->step == callee.step && call.key->call == callee.call;
    if (!is_same_forward || !is_ancestor(call.key->module, callee.module)) continue;
    if (!by_name || is_ancestor(by_name->key->module, call.key->module)) by_name = &call;
  }
  if (by_time && by_name) return is_ancestor(by_time->key->module, by_name->key->module) ? by_name : by_time;
  return by_time ? by_time : by_name;
}

std::string named(std::string_view module) { return module.empty() ? "the root module" : std::string(module); }

std::string what_is_wrong(const Comparison& comparison) {
  switch (comparison.status) {
    case Status::Shape:
      return "has another shape";
    case Status::NonFinite:
      return "has other non-finite elements";
    default:
      return "differs";
  }
}

// " (2 records inside it are missing in the port or could not be compared)"
std::string blind_spots(const std::vector<Comparison>& comparisons, const RecordKey& call, std::size_t first_wrong) {
  const auto is_unseen = [&](const Comparison& earlier) {
    const auto& key = earlier.key;
    const bool is_inside = key.module == call.module || is_ancestor(call.module, key.module);
    return is_inside && key.rank == call.rank && key.root == call.root && key.step == call.step &&
           (earlier.status == Status::Missing || earlier.status == Status::Incomparable);
  };
  const auto end = comparisons.begin() + static_cast<std::ptrdiff_t>(first_wrong);
  const auto unseen = std::count_if(comparisons.begin(), end, is_unseen);
  if (unseen == 0) return {};
  return "; " + std::to_string(unseen) + (unseen == 1 ? " record" : " records") +
         " inside it before that could not be compared (missing in the port, or nothing in common)";
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

Introducer own_code(const std::vector<Comparison>& comparisons, const std::vector<Call>& calls,
                    std::size_t first_wrong) {
  const auto& wrong = comparisons[first_wrong];
  auto introducer = introducer_at(wrong.key);
  introducer.by_inputs = true;
  const auto call = std::find_if(calls.begin(), calls.end(),
                                 [&](const Call& other) { return key_of(*other.key) == key_of(wrong.key); });
  const bool has_children =
      std::any_of(comparisons.begin(), comparisons.begin() + static_cast<std::ptrdiff_t>(first_wrong),
                  [&](const Comparison& earlier) {
                    return earlier.key.step == wrong.key.step && earlier.key.rank == wrong.key.rank &&
                           is_ancestor(wrong.key.module, earlier.key.module);
                  });
  introducer.reason = call->begin ? "its inputs agree" : "none of its inputs was recorded";
  if (has_children) introducer.reason += ", and so do the outputs of the modules inside it";
  introducer.reason +=
      ", but its " + wrong.key.tensor + " " + what_is_wrong(wrong) + blind_spots(comparisons, wrong.key, first_wrong);
  return introducer;
}

Introducer code_of_caller(const std::vector<Comparison>& comparisons, const Call& caller, std::size_t first_wrong) {
  const auto& wrong = comparisons[first_wrong];
  auto introducer = introducer_at(*caller.key);
  introducer.by_inputs = true;
  introducer.reason = (caller.begin ? "its inputs agree, and so do the outputs" : "the outputs agree") +
                      std::string(" of the modules that it called before, but ") + wrong.key.tensor + " of " +
                      named(wrong.key.module) + " " + what_is_wrong(wrong) + ": the fault is in " +
                      named(caller.key->module) + "'s own code before that call" +
                      blind_spots(comparisons, *caller.key, first_wrong);
  return introducer;
}

Introducer outside(const Comparison& wrong) {
  auto introducer = introducer_at(wrong.key);
  introducer.by_inputs = true;
  introducer.outside = true;
  introducer.reason =
      wrong.key.tensor + " of " + named(wrong.key.module) + " " + what_is_wrong(wrong) +
      " already when the model is called, and nothing differs before: the two were not given the same inputs";
  return introducer;
}

// No recorded module had begun: the caller is the root, which was not traced, or the code that calls the model.
Introducer root_or_outside(const std::vector<Comparison>& comparisons, std::size_t first_wrong) {
  const auto& wrong = comparisons[first_wrong];
  auto root = wrong.key;
  root.module.clear();
  auto introducer = introducer_at(root);
  introducer.by_inputs = true;
  introducer.reason = wrong.key.tensor + " of " + named(wrong.key.module) + " " + what_is_wrong(wrong) +
                      " and nothing before it does: the fault is in the root module's own code before that call, or"
                      " the model was called with other inputs (FASTVIDEO_TRACE_ROOT=1 on both sides tells which)" +
                      blind_spots(comparisons, root, first_wrong);
  return introducer;
}

Introducer first_wrong_output(const Comparison& wrong) {
  auto introducer = introducer_at(wrong.key);
  introducer.reason = "its " + wrong.key.tensor + " is the first that " + what_is_wrong(wrong) +
                      "; the fault is there or in code between it and the module before: inputs"
                      " (FASTVIDEO_TRACE_INPUTS=1 on both sides) would tell";
  return introducer;
}

}  // namespace

std::optional<Introducer> find_introducer(const std::vector<Comparison>& comparisons) {
  const auto found = std::find_if(comparisons.begin(), comparisons.end(),
                                  [](const Comparison& comparison) { return is_wrong(comparison.status); });
  if (found == comparisons.end()) return std::nullopt;
  const auto first_wrong = static_cast<std::size_t>(found - comparisons.begin());
  const bool has_inputs = std::any_of(comparisons.begin(), comparisons.end(), [](const Comparison& comparison) {
    return is_input(comparison.key.tensor) && comparison.status != Status::Missing &&
           comparison.status != Status::Extra;
  });
  if (!has_inputs) return first_wrong_output(*found);

  const auto calls = executions(comparisons);
  if (!is_input(found->key.tensor)) return own_code(comparisons, calls, first_wrong);
  if (found->key.module.empty()) return outside(*found);
  if (const auto* caller = caller_of(calls, found->key, first_wrong)) {
    return code_of_caller(comparisons, *caller, first_wrong);
  }
  return root_or_outside(comparisons, first_wrong);
}

}  // namespace fvhooks::internal
