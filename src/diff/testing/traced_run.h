#pragma once
// Traces for tests, made as a tracer makes them: inputs when a module begins, outputs when it returns.
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "diff/pairs.h"
#include "fvhooks/stats.h"

namespace fvhooks::internal::testing {

using Values = std::vector<float>;

inline Values random_values(unsigned seed, std::size_t count = 512) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  Values values(count);
  for (auto& value : values) value = normal(engine);
  return values;
}

inline Record record_of(std::string module, std::string tensor, const Values& values, int buckets = 64) {
  const std::int64_t size = static_cast<std::int64_t>(values.size()), stride = 1;
  const TensorView view{values.data(), DType::Float32, {&size, 1}, {&stride, 1}};
  Record record;
  record.module = std::move(module);
  record.tensor = std::move(tensor);
  const auto stats = tensor_stats(view, buckets, buckets == 0 ? nullptr : &record.sketch);
  for (const auto stat : all_stats()) record.stats.emplace_back(stat_name(stat), stat_value(stat, stats, view));
  record.nan = stats.nan;
  record.inf = stats.inf;
  return record;
}

inline std::string lines_of(const std::vector<Record>& records) {
  std::string text;
  for (const auto& record : records) append_json(text, record);
  return text;
}

inline SharedTrace trace_of(const std::vector<Record>& in_file_order) {
  return std::make_shared<const Trace>(Trace::from_text(lines_of(in_file_order)).value());
}

// Settings of a trace, and the hands that write it.
class TracedRun {
 public:
  bool inputs = true;
  bool root = true;
  std::optional<std::int64_t> step = 0;

  // Rounding of another kernel: each recorded value moves by this much, relative.
  float noise = 0;
  void seed_noise(unsigned seed) { engine_.seed(seed); }

  std::size_t enter(const std::string& module, const std::vector<Values>& arguments) {
    calls_.push_back({module, step, count_[{module, step}]++});
    const auto call = calls_.size() - 1;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (inputs) add(calls_[call], "in[" + std::to_string(i) + "]", arguments[i]);
    }
    return call;
  }
  Values leave(std::size_t call, Values output) {
    const auto* const captured = add(calls_[call], "out", output);
    return captured ? *captured : output;
  }
  // A leaf in one word.
  Values leaf(const std::string& module, const std::vector<Values>& arguments, Values output) {
    return leave(enter(module, arguments), std::move(output));
  }

  // What `reference` recorded takes the place of this run's outputs. `with_inputs` is written as if inputs were, too.
  void injects(const TracedRun& reference, bool with_inputs) {
    captured_ = reference.values_;
    replaces_inputs_ = with_inputs;
    is_injected_ = true;
  }

  const std::vector<Record>& in_file_order() const { return records_; }
  SharedTrace trace() const { return trace_of(records_); }

 private:
  struct Call {
    std::string module;
    std::optional<std::int64_t> step;
    std::uint64_t number = 0;
  };

  // What was captured of it; null: nothing, or nothing is injected.
  const Values* add(const Call& call, const std::string& tensor, Values values) {
    if (!root && call.module.empty()) return nullptr;
    for (auto& value : values) value *= 1 + noise * jitter_(engine_);
    auto record = record_of(call.module, tensor, values);
    record.step = call.step;
    record.call = call.number;
    record.seq = records_.size();
    record.run = "0badcafe";
    const Place place(call.module, call.step, call.number, tensor);
    const auto found = captured_.find(place);
    const auto* const captured = found == captured_.end() ? nullptr : &found->second;
    if (is_injected_) record.injection = injection(values, captured, tensor != "out");
    records_.push_back(std::move(record));
    values_[place] = std::move(values);
    return captured;
  }

  Injection injection(const Values& values, const Values* captured, bool is_input) const {
    if (!captured) return {Injected::Absent, {}};
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      difference += std::pow(double{values[i]} - (*captured)[i], 2);
      size += std::pow(double{(*captured)[i]}, 2);
    }
    const bool is_replaced = !is_input || replaces_inputs_;
    return {is_replaced ? Injected::Replaced : Injected::Compared, std::sqrt(difference / size)};
  }

  using Place = std::tuple<std::string, std::optional<std::int64_t>, std::uint64_t, std::string>;
  std::map<Place, Values> values_, captured_;
  bool is_injected_ = false, replaces_inputs_ = false;
  std::vector<Call> calls_;
  std::map<std::tuple<std::string, std::optional<std::int64_t>>, std::uint64_t> count_;
  std::vector<Record> records_;
  std::mt19937 engine_{7};
  std::normal_distribution<float> jitter_;
};

}  // namespace fvhooks::internal::testing
