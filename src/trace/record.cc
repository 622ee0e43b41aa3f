#include "fvhooks/record.h"

#include <algorithm>
#include <array>

#include "core/json_string.h"
#include "trace/json_format.h"
#include "trace/sketch_text.h"
#include "trace/special_number.h"

namespace fvhooks {
namespace {

using internal::append_json_float;
using internal::append_json_integer;

constexpr std::array<std::string_view, 6> kInjectedNames = {"", "compared", "replaced", "absent", "shape", "failed"};

struct ValueWriter {
  std::string& out;

  void operator()(std::nullptr_t) const { out += "null"; }
  void operator()(double value) const { append_json_float(out, value); }
  void operator()(Int128 value) const { append_json_integer(out, value); }
  void operator()(const std::string& text) const { append_json_string(out, text); }
  void operator()(const std::vector<std::int64_t>& sizes) const {
    out += '[';
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (i > 0) out += ',';
      append_json_integer(out, sizes[i]);
    }
    out += ']';
  }
  void operator()(const RawJson& json) const {
    const auto start = out.size();
    out += json.text;
    // In JSON a line break can only be white space between tokens; in a file of lines it would end the record.
    const auto is_break = [](char c) { return c == '\n' || c == '\r'; };
    std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(), is_break, ' ');
  }
};

void append_text(std::string& line, std::string_view key, std::string_view text) {
  line += key;
  append_json_string(line, text);
}

template <class Integer>
void append_integer(std::string& line, std::string_view key, Integer value) {
  line += key;
  append_json_integer(line, value);
}

Value extremum(const TensorStats& stats, double value, Int128 exact) {
  if (stats.count == 0) return nullptr;
  if (stats.integral) return exact;
  return value;
}

}  // namespace

const Value* Record::find(std::string_view stat) const noexcept {
  const auto found = std::find_if(stats.begin(), stats.end(), [&](const auto& entry) { return entry.first == stat; });
  return found == stats.end() ? nullptr : &found->second;
}

std::optional<double> Record::number(std::string_view stat) const noexcept {
  const Value* value = find(stat);
  if (!value) return std::nullopt;
  if (const auto* real = std::get_if<double>(value)) return *real;
  if (const auto* integer = std::get_if<Int128>(value)) return static_cast<double>(*integer);
  if (const auto* text = std::get_if<std::string>(value)) return internal::special_number(*text);
  return std::nullopt;
}

Value stat_value(Stat stat, const TensorStats& stats, const TensorView& tensor) {
  switch (stat) {
    case Stat::AbsMean:
      return stats.abs_mean;
    case Stat::Sum:
      return stats.integral ? Value(stats.exact_sum) : Value(stats.sum);
    case Stat::Min:
      return extremum(stats, stats.min, stats.exact_min);
    case Stat::Max:
      return extremum(stats, stats.max, stats.exact_max);
    case Stat::Mean:
      return stats.mean;
    case Stat::Std:
      return stats.std;
    case Stat::Shape:
      return std::vector<std::int64_t>(tensor.sizes.begin(), tensor.sizes.end());
    case Stat::DType:
      return std::string(torch_name(tensor.dtype));
    case Stat::Rms:
      return stats.rms;
    case Stat::AbsMax:
      return extremum(stats, stats.abs_max, stats.exact_abs_max);
    case Stat::Zeros:
      return static_cast<Int128>(stats.zeros);
  }
  return nullptr;
}

std::string_view injected_name(Injected injected) noexcept {
  return kInjectedNames[static_cast<std::size_t>(injected)];
}

std::optional<Injected> injected_named(std::string_view name) noexcept {
  const auto found = std::find(kInjectedNames.begin() + 1, kInjectedNames.end(), name);
  if (found == kInjectedNames.end()) return std::nullopt;
  return static_cast<Injected>(found - kInjectedNames.begin());
}

void append_json(std::string& line, const Record& record) {
  append_text(line, R"({"module":)", record.module);
  append_text(line, R"(,"tensor":)", record.tensor);
  if (record.step) {
    append_integer(line, R"(,"step":)", *record.step);
  } else {
    line += R"(,"step":null)";
  }
  for (const auto& [name, value] : record.stats) {
    append_text(line, ",", name);
    line += ':';
    std::visit(ValueWriter{line}, value);
  }
  if (record.call) append_integer(line, R"(,"call":)", *record.call);
  if (record.seq) append_integer(line, R"(,"seq":)", *record.seq);
  if (!record.run.empty()) append_text(line, R"(,"run":)", record.run);
  if (!record.root.empty()) append_text(line, R"(,"root":)", record.root);
  if (record.rank) append_integer(line, R"(,"rank":)", *record.rank);
  if (record.nan > 0) append_integer(line, R"(,"nan":)", record.nan);
  if (record.inf > 0) append_integer(line, R"(,"inf":)", record.inf);
  if (record.sketch.buckets > 0) {
    line += R"(,"sketch":")";
    internal::append_sketch(line, record.sketch);
    line += '"';
  }
  if (record.injection.what != Injected::No) append_text(line, R"(,"inject":)", injected_name(record.injection.what));
  if (record.injection.error) {
    line += R"(,"inject_error":)";
    append_json_float(line, *record.injection.error);
  }
  line += "}\n";
}

}  // namespace fvhooks
