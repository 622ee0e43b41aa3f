#include <array>
#include <charconv>
#include <cmath>

#include "core/json_string.h"
#include "fvhooks/report.h"

namespace fvhooks {
namespace {

// Builds one JSON text; a comma comes before every member but the first of its object or array.
class Writer {
 public:
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  void key(std::string_view name) {
    separate();
    append_json_string(text_, name);
    text_ += ':';
    is_first_ = true;
  }
  void value(std::string_view text) {
    separate();
    append_json_string(text_, text);
  }
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(bool flag) {
    separate();
    text_ += flag ? "true" : "false";
  }
  // Non-finite numbers are strings, as in the record.
  void value(double number) {
    if (std::isnan(number)) return value(std::string_view("NaN"));
    if (std::isinf(number)) return value(std::string_view(number < 0 ? "-Infinity" : "Infinity"));
    number_text(number);
  }
  void value(std::uint64_t number) { number_text(number); }
  void value(std::int64_t number) { number_text(number); }
  template <class T>
  void value(const std::optional<T>& optional) {
    if (optional) return value(*optional);
    separate();
    text_ += "null";
  }
  template <class T>
  void member(std::string_view name, const T& content) {
    key(name);
    value(content);
  }
  std::string take() { return std::move(text_) + "\n"; }

 private:
  template <class T>
  void number_text(T number) {
    separate();
    std::array<char, 40> digits{};
    text_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
  }
  void open(char bracket) {
    separate();
    text_ += bracket;
    is_first_ = true;
  }
  void close(char bracket) {
    text_ += bracket;
    is_first_ = false;
  }
  void separate() {
    if (!is_first_) text_ += ',';
    is_first_ = false;
  }

  std::string text_;
  bool is_first_ = true;
};

void write_counts(Writer& json, const Verdict& verdict) {
  json.key("counts");
  json.begin_object();
  for (std::size_t i = 0; i < kStatusCount; ++i) {
    json.member(status_name(static_cast<Status>(i)), std::uint64_t{verdict.counts[i]});
  }
  json.end_object();
}

void write_comparison(Writer& json, const Comparison& comparison) {
  json.begin_object();
  json.member("root", comparison.key.root);
  json.member("module", comparison.key.module);
  json.member("tensor", comparison.key.tensor);
  json.member("step", comparison.key.step);
  json.member("call", comparison.key.call);
  json.member("rank", comparison.key.rank);
  json.member("status", status_name(comparison.status));
  json.member("error", comparison.error);
  json.member("threshold", comparison.threshold);
  json.member("by_sketch", comparison.by_sketch);
  json.member("dtype", comparison.dtype);
  json.member("detail", comparison.detail);
  json.member("reference_line", comparison.reference_line);
  json.member("port_line", comparison.port_line);
  json.end_object();
}

void write_introducer(Writer& json, const std::optional<Introducer>& introducer) {
  json.key("introducer");
  if (!introducer) return json.value(std::optional<bool>());
  json.begin_object();
  json.member("root", introducer->root);
  json.member("module", introducer->module);
  json.member("step", introducer->step);
  json.member("call", introducer->call);
  json.member("rank", introducer->rank);
  json.member("reason", introducer->reason);
  json.member("by_inputs", introducer->by_inputs);
  json.member("outside", introducer->outside);
  json.end_object();
}

void write_side(Writer& json, std::string_view side, const std::string& path, std::uint64_t count,
                const std::vector<TraceProblem>& problems) {
  json.key(side);
  json.begin_object();
  json.member("path", path);
  json.member("problem_count", count);
  json.key("problems");
  json.begin_array();
  for (const auto& problem : problems) {
    json.begin_object();
    json.member("line", problem.line);
    json.member("message", problem.message);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

}  // namespace

std::string json_report(const Verdict& verdict) {
  Writer json;
  json.begin_object();
  json.member("schema", std::uint64_t{1});
  json.member("passed", verdict.passed);
  write_introducer(json, verdict.introducer);
  json.key("first_diverged");
  if (verdict.first_diverged) {
    write_comparison(json, verdict.comparisons[*verdict.first_diverged]);
  } else {
    json.value(std::optional<bool>());
  }
  write_counts(json, verdict);
  json.member("thresholds", verdict.threshold_source);
  json.key("notes");
  json.begin_array();
  for (const auto& note : verdict.notes) json.value(note);
  json.end_array();
  write_side(json, "reference", verdict.reference, verdict.reference_problem_count, verdict.reference_problems);
  write_side(json, "port", verdict.port, verdict.port_problem_count, verdict.port_problems);
  json.key("comparisons");
  json.begin_array();
  for (const auto& comparison : verdict.comparisons) write_comparison(json, comparison);
  json.end_array();
  json.end_object();
  return json.take();
}

}  // namespace fvhooks
