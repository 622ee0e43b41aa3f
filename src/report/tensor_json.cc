#include "report/tensor_json.h"

#include "report/json_parts.h"

namespace fvhooks::internal {
namespace {

template <class Number>
void write_numbers(JsonWriter& json, std::string_view name, const std::vector<Number>& numbers) {
  json.key(name);
  json.begin_array();
  for (const auto number : numbers) json.value(number);
  json.end_array();
}

void write_element(JsonWriter& json, std::string_view name, const std::optional<ElementPair>& element) {
  json.key(name);
  if (!element) return json.value(std::nullopt);
  json.begin_object();
  write_numbers(json, "index", element->index);
  json.member("reference", element->reference);
  json.member("port", element->port);
  json.end_object();
}

void write_axes(JsonWriter& json, const std::vector<AxisErrors>& axes) {
  json.key("axes");
  json.begin_array();
  for (const auto& axis : axes) {
    json.begin_object();
    json.member("size", axis.size);
    json.member("width", axis.width);
    write_numbers(json, "errors", axis.errors);
    json.end_object();
  }
  json.end_array();
}

void write_map(JsonWriter& json, const std::optional<ErrorMap>& map) {
  json.key("map");
  if (!map) return json.value(std::nullopt);
  json.begin_object();
  json.member("row_axis", std::uint64_t{map->row_axis});
  json.member("column_axis", std::uint64_t{map->column_axis});
  json.member("row_width", map->row_width);
  json.member("column_width", map->column_width);
  json.member("rows", std::uint64_t{map->rows});
  json.member("columns", std::uint64_t{map->columns});
  write_numbers(json, "errors", map->errors);
  json.end_object();
}

void write_diff(JsonWriter& json, const TensorDiff& diff) {
  json.begin_object();
  json.member("reference_dtype", torch_name(diff.reference_dtype));
  json.member("port_dtype", torch_name(diff.port_dtype));
  write_numbers(json, "shape", diff.sizes);
  json.member("elements", diff.elements);
  json.member("differing", diff.differing);
  json.member("relative_l2", diff.relative_l2);
  json.member("cosine", diff.cosine);
  json.member("max_abs", diff.max_abs);
  write_element(json, "worst", diff.worst);
  json.member("non_finite_mismatches", diff.non_finite_mismatches);
  write_element(json, "first_non_finite", diff.first_non_finite);
  json.member("ulp_dtype", torch_name(diff.ulp_dtype));
  write_numbers(json, "ulps", diff.ulps);
  write_axes(json, diff.axes);
  write_map(json, diff.map);
  json.end_object();
}

void write_comparison(JsonWriter& json, const TensorComparison& comparison) {
  json.begin_object();
  write_key(json, comparison.key);
  json.member("trouble", comparison.trouble);
  json.key("diff");
  if (comparison.diff) {
    write_diff(json, *comparison.diff);
  } else {
    json.value(std::nullopt);
  }
  json.end_object();
}

}  // namespace

void write_tensors(JsonWriter& json, const TensorReport* report) {
  json.key("tensors");
  if (!report) return json.value(std::nullopt);
  json.begin_object();
  json.member("reference", report->reference);
  json.member("port", report->port);
  write_texts(json, "notes", report->notes);
  json.key("compared");
  json.begin_array();
  for (const auto& comparison : report->tensors) write_comparison(json, comparison);
  json.end_array();
  json.end_object();
}

}  // namespace fvhooks::internal
