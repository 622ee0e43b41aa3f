#include "report/html_data.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "report/html_rows.h"
#include "report/json_parts.h"
#include "report/tensor_json.h"

namespace fvhooks::internal {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

float as_float(const std::optional<double>& number) { return number ? static_cast<float>(*number) : kNone; }

std::string text_of(const std::optional<std::int64_t>& number) { return number ? std::to_string(*number) : ""; }

// `count` of them, evenly spread.
std::vector<std::size_t> even_sample(const std::vector<std::size_t>& rows, std::size_t count) {
  std::vector<std::size_t> sample;
  for (std::size_t i = 0; i < count; ++i) sample.push_back(rows[i * rows.size() / count]);
  return sample;
}

// What a person reads of a record.
class KeyColumns {
 public:
  KeyColumns(std::size_t rows, StringTable& strings) : strings_(strings) {
    for (auto* column : {&root_, &module_, &tensor_, &step_, &call_, &rank_, &status_, &by_sketch_, &detail_,
                         &reference_line_, &port_line_}) {
      column->reserve(rows);
    }
  }

  void add(const Comparison& comparison) {
    const auto& key = comparison.key;
    root_.push_back(strings_.place(key.root));
    module_.push_back(strings_.place(key.module));
    tensor_.push_back(strings_.place(key.tensor));
    step_.push_back(strings_.place(text_of(key.step)));
    call_.push_back(key.call);
    rank_.push_back(strings_.place(text_of(key.rank)));
    status_.push_back(static_cast<std::uint64_t>(comparison.status));
    by_sketch_.push_back(comparison.by_sketch ? 1 : 0);
    detail_.push_back(strings_.place(comparison.detail));
    reference_line_.push_back(comparison.reference_line.value_or(0));
    port_line_.push_back(comparison.port_line.value_or(0));
    error_.push_back(as_float(comparison.error));
    error_low_.push_back(as_float(comparison.error_low));
    error_high_.push_back(as_float(comparison.error_high));
    threshold_.push_back(as_float(comparison.threshold));
    bias_.push_back(as_float(comparison.bias));
    floor_.push_back(as_float(comparison.floor));
  }

  void move_into(std::vector<HtmlColumn>& columns) {
    columns.push_back({"root", std::move(root_)});
    columns.push_back({"module", std::move(module_)});
    columns.push_back({"tensor", std::move(tensor_)});
    columns.push_back({"step", std::move(step_)});
    columns.push_back({"call", std::move(call_)});
    columns.push_back({"rank", std::move(rank_)});
    columns.push_back({"status", std::move(status_)});
    columns.push_back({"by_sketch", std::move(by_sketch_)});
    columns.push_back({"detail", std::move(detail_)});
    columns.push_back({"reference_line", std::move(reference_line_)});
    columns.push_back({"port_line", std::move(port_line_)});
    columns.push_back({"error", std::move(error_)});
    columns.push_back({"threshold", std::move(threshold_)});
    move_unless_empty("error_low", error_low_, columns);
    move_unless_empty("error_high", error_high_, columns);
    move_unless_empty("bias", bias_, columns);
    move_unless_empty("floor", floor_, columns);
  }

 private:
  static void move_unless_empty(std::string name, std::vector<float>& values, std::vector<HtmlColumn>& columns) {
    const auto is_none = [](float value) { return value != value; };
    if (!std::ranges::all_of(values, is_none)) columns.push_back({std::move(name), std::move(values)});
  }

  StringTable& strings_;
  std::vector<std::uint64_t> root_, module_, tensor_, step_, call_, rank_, status_, by_sketch_, detail_,
      reference_line_, port_line_;
  std::vector<float> error_, error_low_, error_high_, threshold_, bias_, floor_;
};

void write_statuses(JsonWriter& json) {
  json.key("statuses");
  json.begin_array();
  for (std::size_t i = 0; i < kStatusCount; ++i) {
    const auto status = static_cast<Status>(i);
    json.begin_object();
    json.member("name", status_name(status));
    json.member("fails", is_failure(status));
    json.end_object();
  }
  json.end_array();
}

void write_introducer(JsonWriter& json, const std::optional<Introducer>& introducer) {
  json.key("introducer");
  if (!introducer) return json.value(std::nullopt);
  json.begin_object();
  json.member("root", introducer->root);
  json.member("module", introducer->module);
  json.member("step", text_of(introducer->step));
  json.member("call", introducer->call);
  json.member("rank", text_of(introducer->rank));
  json.member("reason", introducer->reason);
  json.member("by_inputs", introducer->by_inputs);
  json.member("outside", introducer->outside);
  json.end_object();
}

std::vector<std::string> left_out(const Verdict& verdict, std::size_t shown) {
  if (shown == verdict.size()) return {};
  return {std::to_string(shown) + " of " + std::to_string(verdict.size()) +
          " records are in this page: failures first, and of the others an even sample. The counts, and what is said"
          " of the whole, are of all of them."};
}

// A '<' in JSON stands within a string; escaped, no text can end the element that holds it.
std::string without_markup(const std::string& json) {
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

std::optional<std::uint64_t> place_in_page(const Verdict& verdict, const std::vector<std::size_t>& rows) {
  if (!verdict.first_diverged) return std::nullopt;
  const auto found = std::ranges::lower_bound(rows, *verdict.first_diverged);
  return static_cast<std::uint64_t>(found - rows.begin());
}

}  // namespace

std::vector<std::size_t> rows_of_page(const Verdict& verdict, std::size_t most_rows) {
  std::vector<std::size_t> rows, others;
  for (std::size_t i = 0; i < verdict.size(); ++i) {
    if (!is_failure(verdict.row(i).status)) {
      others.push_back(i);
    } else if (rows.size() < most_rows) {
      rows.push_back(i);
    }
  }
  std::ranges::copy(even_sample(others, std::min(others.size(), most_rows - rows.size())), std::back_inserter(rows));
  std::ranges::sort(rows);
  return rows;
}

HtmlData html_data(const Verdict& verdict, const HtmlOptions& options) {
  const auto rows = rows_of_page(verdict, options.most_rows);
  StringTable strings;
  std::vector<std::string> statistics;
  KeyColumns keys(rows.size(), strings);
  SideStatistics reference("reference", rows.size(), statistics, strings);
  SideStatistics port("port", rows.size(), statistics, strings);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    keys.add(verdict.comparison(rows[i]));
    const auto records = verdict.records(rows[i]);
    if (records.reference) reference.add(i, *records.reference);
    if (records.port) port.add(i, *records.port);
  }

  HtmlData data;
  keys.move_into(data.columns);
  reference.move_into(data.columns);
  port.move_into(data.columns);

  JsonWriter json;
  json.begin_object();
  json.member("passed", verdict.passed);
  json.member("records", std::uint64_t{verdict.size()});
  json.member("rows", std::uint64_t{rows.size()});
  json.member("first_failure", place_in_page(verdict, rows));
  write_statuses(json);
  write_counts(json, verdict);
  write_introducer(json, verdict.introducer);
  write_diagnosis(json, verdict.diagnosis);
  json.member("thresholds", verdict.threshold_source);
  write_texts(json, "left_out", left_out(verdict, rows.size()));
  write_texts(json, "notes", verdict.notes);
  write_side(json, "reference", verdict.reference);
  write_side(json, "port", verdict.port);
  write_tensors(json, options.tensors);
  write_texts(json, "statistics", statistics);
  write_texts(json, "strings", strings.strings());
  json.end_object();
  data.json = without_markup(json.take());
  return data;
}

}  // namespace fvhooks::internal
