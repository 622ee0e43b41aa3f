#pragma once
// Numbers as docs/record.md writes them.
#include <cstdint>
#include <string>

#include "fvhooks/stats.h"

namespace fvhooks::internal {

// The shortest decimal that reads back to the same double, with a point or an exponent; "NaN" and the infinities
// quoted.
void append_json_float(std::string& out, double value);
void append_json_integer(std::string& out, std::int64_t value);
void append_json_integer(std::string& out, std::uint64_t value);
void append_json_integer(std::string& out, Int128 value);

}  // namespace fvhooks::internal
