#pragma once
// What the JSON report and the HTML page both hold.
#include <string>
#include <string_view>
#include <vector>

#include "fvhooks/verdict.h"
#include "report/json_writer.h"

namespace fvhooks::internal {

// Members of the open object.
void write_key(JsonWriter& json, const RecordKey& key);
void write_texts(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts);
void write_counts(JsonWriter& json, const Verdict& verdict);
void write_diagnosis(JsonWriter& json, const std::vector<Finding>& findings);
void write_side(JsonWriter& json, std::string_view side, const TraceSummary& trace);

}  // namespace fvhooks::internal
