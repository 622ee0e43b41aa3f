#pragma once
// What a capture says of itself.
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "fvhooks/capture.h"

namespace fvhooks::internal {

// "out" and "in"
std::string_view capture_side_name(CaptureSide side) noexcept;
std::optional<CaptureSide> capture_side_named(std::string_view name) noexcept;

SafetensorsMetadata capture_metadata(const CaptureKey& key, const std::string& run);

// The order of a run's files; nullopt: it is not said.
void say_seq(SafetensorsMetadata& metadata, std::uint64_t seq);
std::optional<std::uint64_t> seq_in(const SafetensorsMetadata& metadata);

// Root and module of a file whose path has them cut.
struct CaptureNames {
  std::string root, module;
};
std::optional<CaptureNames> names_in(const SafetensorsMetadata& metadata);

// What speaks against the file being this capture; empty: nothing.
std::string contradiction(const SafetensorsMetadata& metadata, const CaptureKey& key, const std::string& run);

// The format has no complex32 and complex128: they are stored as pairs of real numbers, and the metadata say so.
std::optional<DType> dtype_of_pairs(DType complex) noexcept;
void say_stored_as_pairs(SafetensorsMetadata& metadata, std::string_view label, DType complex);
std::optional<DType> stored_as_pairs_of(const SafetensorsEntry& entry, const SafetensorsMetadata& metadata);

}  // namespace fvhooks::internal
