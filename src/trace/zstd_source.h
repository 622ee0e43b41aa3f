#pragma once
// Decompresses another source while it is read.
#include <memory>
#include <string_view>

#include "trace/byte_source.h"

namespace fvhooks::internal {

inline constexpr std::string_view kZstdMagic = "\x28\xB5\x2F\xFD";

// Several frames one behind the other are one text. A frame that is cut off or damaged is an error behind what it gave.
std::unique_ptr<ByteSource> zstd_source(std::unique_ptr<ByteSource> compressed);

}  // namespace fvhooks::internal
