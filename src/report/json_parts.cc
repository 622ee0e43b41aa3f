#include "report/json_parts.h"

namespace fvhooks::internal {

void write_key(JsonWriter& json, const RecordKey& key) {
  json.member("root", key.root);
  json.member("module", key.module);
  json.member("tensor", key.tensor);
  json.member("step", key.step);
  json.member("call", key.call);
  json.member("rank", key.rank);
}

void write_counts(JsonWriter& json, const Verdict& verdict) {
  json.key("counts");
  json.begin_object();
  for (std::size_t i = 0; i < kStatusCount; ++i) {
    json.member(status_name(static_cast<Status>(i)), std::uint64_t{verdict.counts[i]});
  }
  json.end_object();
}

void write_texts(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts) {
  json.key(name);
  json.begin_array();
  for (const auto& text : texts) json.value(text);
  json.end_array();
}

void write_side(JsonWriter& json, std::string_view side, const TraceSummary& trace) {
  json.key(side);
  json.begin_object();
  json.member("path", trace.path);
  write_texts(json, "files", trace.files);
  json.member("records", trace.records);
  json.member("problem_count", trace.problem_count);
  json.key("problems");
  json.begin_array();
  for (const auto& problem : trace.problems) {
    json.begin_object();
    json.member("file", problem.file);
    json.member("line", problem.line);
    json.member("message", problem.message);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void write_diagnosis(JsonWriter& json, const std::vector<Finding>& findings) {
  json.key("diagnosis");
  json.begin_array();
  for (const auto& finding : findings) {
    json.begin_object();
    json.member("kind", finding.kind);
    json.member("root", finding.root);
    json.member("module", finding.module);
    json.member("evidence", finding.evidence);
    json.end_object();
  }
  json.end_array();
}

}  // namespace fvhooks::internal
