#pragma once
// The header of a safetensors file: checked while read.
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "fvhooks/expected.h"
#include "fvhooks/safetensors.h"

namespace fvhooks::internal {

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the order of their data
  std::map<std::string, std::string, std::less<>> metadata;
};

// `file` is the whole file. Of a header that is returned, the entries tile the rest of the file without overlap or
// hole, and each has the bytes that its dtype and shape ask for; no product of sizes overflows.
Expected<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> file);

}  // namespace fvhooks::internal
