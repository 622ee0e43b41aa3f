#include "trace_overview.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/counted.h"
#include "diff/error.h"
#include "report/json_writer.h"
#include "report/table.h"

namespace fvtrace {
namespace {

using fvhooks::Record;
using fvhooks::internal::counted;
using fvhooks::internal::JsonWriter;
using fvhooks::internal::printable;

Place place_of(const Record& record, std::uint64_t line) {
  return {record.root, record.module, record.tensor, record.step, record.rank, record.call, line};
}

// The largest magnitude that the record tells of; NaN is none.
std::optional<double> magnitude(const Record& record) {
  if (const auto largest = record.number("abs_max")) return largest;
  const auto least = record.number("min"), greatest = record.number("max");
  if (!least || !greatest) return std::nullopt;
  return std::max(std::abs(*least), std::abs(*greatest));
}

std::string dtype_of(const Record& record) {
  const auto* value = record.find("dtype");
  const auto* name = value ? std::get_if<std::string>(value) : nullptr;
  return name ? *name : std::string();
}

// "0-3, 7": runs of neighbours in one word.
std::string ranges(const std::set<std::int64_t>& numbers) {
  std::string text;
  for (auto first = numbers.begin(); first != numbers.end();) {
    auto last = first;
    for (auto next = std::next(first); next != numbers.end() && *next == *last + 1; ++next) last = next;
    text += text.empty() ? "" : ", ";
    text += first == last ? std::to_string(*first) : fmt::format("{}-{}", *first, *last);
    first = std::next(last);
  }
  return text;
}

std::string list(const std::set<std::string>& names) {
  constexpr std::size_t kShown = 8;
  std::string text;
  std::size_t shown = 0;
  for (const auto& name : names) {
    if (shown++ == kShown) return text + fmt::format(", and {} more", names.size() - kShown);
    text += (text.empty() ? "" : ", ") + printable(name);
  }
  return text;
}

std::string list(const std::map<std::string, std::uint64_t>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", printable(name), count);
  }
  return text;
}

std::string words(const Place& place) {
  std::string text = place.root.empty() ? "" : printable(place.root) + ": ";
  text += (place.module.empty() ? "(root)" : printable(place.module)) + " " + printable(place.tensor);
  if (place.step) text += fmt::format(", step {}", *place.step);
  if (place.call) text += fmt::format(", call {}", *place.call);
  if (place.rank) text += fmt::format(", rank {}", *place.rank);
  return text + fmt::format(" (line {})", place.line);
}

void write(JsonWriter& json, std::string_view key, const std::optional<Place>& place) {
  json.key(key);
  if (!place) return json.value(std::nullopt);
  json.begin_object();
  json.member("root", place->root);
  json.member("module", place->module);
  json.member("tensor", place->tensor);
  json.member("step", place->step);
  json.member("call", place->call);
  json.member("rank", place->rank);
  json.member("line", place->line);
  json.end_object();
}

template <class Values>
void write_array(JsonWriter& json, std::string_view key, const Values& values) {
  json.key(key);
  json.begin_array();
  for (const auto& value : values) json.value(value);
  json.end_array();
}

void write_counts(JsonWriter& json, std::string_view key, const std::map<std::string, std::uint64_t>& counts) {
  json.key(key);
  json.begin_object();
  for (const auto& [name, count] : counts) json.member(name, count);
  json.end_object();
}

}  // namespace

void TraceOverview::add(const Record& record, std::uint64_t line) {
  ++records_;
  inputs_ += record.tensor.starts_with("in");
  with_sketch_ += record.sketch.buckets > 0;
  if (!record.run.empty()) runs_.insert(record.run);
  if (!record.root.empty()) roots_.insert(record.root);
  if (record.rank) ranks_.insert(*record.rank);
  modules_.insert(record.module);
  if (record.step) {
    steps_.insert(*record.step);
  } else {
    ++outside_steps_;
  }
  if (record.call) calls_ = std::max(calls_, *record.call + 1);
  if (const auto dtype = dtype_of(record); !dtype.empty()) ++dtypes_[dtype];
  for (const auto& [name, value] : record.stats) ++statistics_[name];
  non_finite_.nan += record.nan;
  non_finite_.inf += record.inf;
  if (fvhooks::internal::has_non_finite(record)) {
    ++non_finite_.records;
    if (!non_finite_.first) non_finite_.first = place_of(record, line);
  }
  const auto size = magnitude(record);
  if (size && std::isfinite(*size) && (!largest_ || *size > largest_->abs_max)) {
    largest_ = Largest{*size, place_of(record, line)};
  }
}

std::string TraceOverview::text(const std::string& path, std::uint64_t problem_count) const {
  std::string text = printable(path) + "\n";
  const auto add = [&](std::string_view title, const std::string& content) {
    if (!content.empty()) text += fmt::format("  {:<12}{}\n", title, content);
  };
  add("records", fmt::format("{} ({} of inputs, {} with a sketch)", records_, inputs_, with_sketch_));
  if (problem_count > 0) add("unreadable", counted(problem_count, "line") + " (fvtrace check names them)");
  add("runs", runs_.empty() ? "" : fmt::format("{}: {}", runs_.size(), list(runs_)));
  add("roots", list(roots_));
  add("ranks", ranges(ranks_));
  add("modules", std::to_string(modules_.size()));
  auto steps = ranges(steps_);
  if (outside_steps_ > 0) steps += (steps.empty() ? "" : "; ") + counted(outside_steps_, "record") + " outside a step";
  add("steps", steps);
  add("calls", calls_ == 0 ? "" : fmt::format("up to {} of a module in a step", calls_));
  add("dtypes", list(dtypes_));
  add("statistics", list(statistics_));
  if (non_finite_.records == 0) {
    add("non-finite", "none");
  } else {
    add("non-finite", fmt::format("{}, {} NaN and {} infinite elements counted", counted(non_finite_.records, "record"),
                                  non_finite_.nan, non_finite_.inf));
    add("", "first: " + words(*non_finite_.first));
  }
  if (largest_) add("largest", fmt::format("{:.6g} in {}", largest_->abs_max, words(largest_->place)));
  return text;
}

std::string TraceOverview::json(const std::string& path, std::uint64_t problem_count) const {
  JsonWriter json;
  json.begin_object();
  json.member("path", path);
  json.member("problem_count", problem_count);
  json.member("records", records_);
  json.member("inputs", inputs_);
  json.member("with_sketch", with_sketch_);
  write_array(json, "runs", runs_);
  write_array(json, "roots", roots_);
  write_array(json, "ranks", ranks_);
  json.member("modules", std::uint64_t{modules_.size()});
  write_array(json, "steps", steps_);
  json.member("outside_steps", outside_steps_);
  json.member("calls", calls_);
  write_counts(json, "dtypes", dtypes_);
  write_counts(json, "statistics", statistics_);
  json.key("non_finite");
  json.begin_object();
  json.member("records", non_finite_.records);
  json.member("nan", non_finite_.nan);
  json.member("inf", non_finite_.inf);
  write(json, "first", non_finite_.first);
  json.end_object();
  json.key("largest");
  if (largest_) {
    json.begin_object();
    json.member("abs_max", largest_->abs_max);
    write(json, "place", largest_->place);
    json.end_object();
  } else {
    json.value(std::nullopt);
  }
  json.end_object();
  return json.take() + "\n";
}

}  // namespace fvtrace
