#pragma once
// Lines of a trace that could not be read, on standard error.
#include <cstdint>
#include <string>

#include "fvhooks/trace_reader.h"

namespace fvtrace {

void warn_of_problems(const std::string& path, const fvhooks::TraceReader& reader, std::uint64_t lines_before = 0);

}  // namespace fvtrace
