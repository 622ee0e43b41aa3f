#include "fvhooks/report.h"
#include "report/json_parts.h"
#include "report/tensor_json.h"

namespace fvhooks {
namespace {

using internal::JsonWriter;
using internal::write_texts;

void write_comparison(JsonWriter& json, const Comparison& comparison) {
  json.begin_object();
  internal::write_key(json, comparison.key);
  json.member("status", status_name(comparison.status));
  json.member("error", comparison.error);
  json.member("error_low", comparison.error_low);
  json.member("error_high", comparison.error_high);
  json.member("threshold", comparison.threshold);
  json.member("ratio", comparison.ratio());
  json.member("bias", comparison.bias);
  json.member("floor", comparison.floor);
  json.member("by_sketch", comparison.by_sketch);
  json.member("dtype", comparison.dtype);
  json.member("detail", comparison.detail);
  json.member("reference_line", comparison.reference_line);
  json.member("port_line", comparison.port_line);
  json.end_object();
}

void write_module(JsonWriter& json, const Introducer& introducer) {
  json.begin_object();
  json.member("root", introducer.root);
  json.member("module", introducer.module);
  json.member("step", introducer.step);
  json.member("call", introducer.call);
  json.member("rank", introducer.rank);
  json.member("reason", introducer.reason);
  json.member("by_inputs", introducer.by_inputs);
  json.member("outside", introducer.outside);
  json.member("calls", std::uint64_t{introducer.calls});
  json.end_object();
}

void write_introducer(JsonWriter& json, const std::optional<Introducer>& introducer) {
  json.key("introducer");
  if (!introducer) return json.value(std::nullopt);
  write_module(json, *introducer);
}

// All that are wrong by themselves, of a port under injection.
void write_wrong_modules(JsonWriter& json, const Verdict& verdict) {
  json.member("injected", verdict.is_injected);
  json.key("wrong");
  json.begin_array();
  for (const auto& module : verdict.wrong) write_module(json, module);
  json.end_array();
  write_texts(json, "unjudged", verdict.unjudged);
}

void write_curve(JsonWriter& json, std::string_view name, const std::vector<CurvePoint>& curve) {
  json.key(name);
  json.begin_array();
  for (const auto& point : curve) {
    json.begin_object();
    json.member("module", point.module);
    json.member("step", point.step);
    json.member("error", point.error);
    json.member("threshold", point.threshold);
    json.end_object();
  }
  json.end_array();
}

void write_curves(JsonWriter& json, const Verdict& verdict) {
  json.key("curves");
  json.begin_object();
  write_curve(json, "error_over_depth", verdict.error_over_depth);
  write_curve(json, "error_over_steps", verdict.error_over_steps);
  json.end_object();
}

}  // namespace

void write_json_report(const Verdict& verdict, const std::function<void(std::string_view)>& write,
                       const TensorReport* tensors) {
  JsonWriter json;
  json.begin_object();
  json.member("schema", std::uint64_t{1});
  json.member("passed", verdict.passed);
  write_introducer(json, verdict.introducer);
  write_wrong_modules(json, verdict);
  json.key("first_diverged");
  if (verdict.first_diverged) {
    write_comparison(json, verdict.comparison(*verdict.first_diverged));
  } else {
    json.value(std::nullopt);
  }
  internal::write_counts(json, verdict);
  internal::write_diagnosis(json, verdict.diagnosis);
  write_curves(json, verdict);
  json.member("thresholds", verdict.threshold_source);
  write_texts(json, "notes", verdict.notes);
  internal::write_side(json, "reference", verdict.reference);
  internal::write_side(json, "port", verdict.port);
  internal::write_tensors(json, tensors);
  json.key("comparisons");
  json.begin_array();
  constexpr std::size_t kComparisonsInAPiece = 128;
  for (std::size_t i = 0; i < verdict.size(); ++i) {
    write_comparison(json, verdict.comparison(i));
    if (i % kComparisonsInAPiece == 0) write(json.take());
  }
  json.end_array();
  json.end_object();
  write(json.take());
  write("\n");
}

}  // namespace fvhooks
