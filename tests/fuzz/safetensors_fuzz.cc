// Any bytes: the header is refused, or every entry lies in the file and has the bytes that its shape asks for.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "safetensors/header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  const auto header = fvhooks::internal::parse_safetensors_header(file);
  if (!header) return 0;
  for (const auto& entry : header->entries) {
    const fvhooks::TensorView view{nullptr, entry.dtype, entry.sizes, {}};
    const auto bytes = static_cast<std::uint64_t>(view.numel()) * fvhooks::item_size(entry.dtype);
    if (bytes != entry.bytes || entry.offset > size || entry.bytes > size - entry.offset) std::abort();
  }
  return 0;
}
