#pragma once
// A sketch as the record holds it: "1:<k>:<base64 of k little-endian float32>".
#include <string>
#include <string_view>

#include "fvhooks/stats.h"

namespace fvhooks::internal {

void append_sketch(std::string& out, const Sketch& sketch);
bool read_sketch(std::string_view text, Sketch& sketch);  // false: `sketch` has no buckets
bool is_sketch(std::string_view text);                    // read_sketch would say true

}  // namespace fvhooks::internal
