#pragma once
// Compared tensors as JSON, the same in the JSON report and in the page (docs/diff.md).
#include "fvhooks/tensor_report.h"
#include "report/json_writer.h"

namespace fvhooks::internal {

// A member "tensors"; null without a report.
void write_tensors(JsonWriter& json, const TensorReport* report);

}  // namespace fvhooks::internal
