#pragma once
// Compares two traces and says where they first part. Files in, Verdict out; how it is shown is src/report's business.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fvhooks/dtype.h"
#include "fvhooks/expected.h"
#include "fvhooks/verdict.h"

namespace fvhooks {

class NameMap;

struct DiffOptions {
  std::optional<double> rtol;            // relative L2 error allowed; else noise, else dtype and depth
  DType assumed_dtype = DType::Float32;  // of records that do not say theirs
  std::vector<std::string> noise;        // traces of legitimate variations of the reference
  const NameMap* names = nullptr;        // of the port, in the reference
  std::vector<Status> fail_on = {Status::Diverged, Status::Shape, Status::NonFinite,
                                 Status::Missing,  Status::Extra, Status::Incomparable};
  std::function<void(double fraction)> progress;  // of all files together, now and then
};

// A trace is a file, or the files of several ranks (trace_files in trace_reader.h); "-" is standard input, for one of
// them. Memory: a fixed part, and less than 64 bytes a record. The files are read again when the verdict is looked at.
// Errors: a file that cannot be opened, or that holds no record at all.
Expected<Verdict> diff_traces(const std::string& reference, const std::string& port, const DiffOptions& options = {});

}  // namespace fvhooks
