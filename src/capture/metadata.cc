#include "capture/metadata.h"

#include <charconv>

#include "core/json_string.h"

namespace fvhooks::internal {
namespace {

constexpr std::string_view kVersionKey = "fvhooks.capture", kVersion = "1";

std::string dtype_key(std::string_view label) { return "dtype " + std::string(label); }

}  // namespace

std::string_view capture_side_name(CaptureSide side) noexcept { return side == CaptureSide::Inputs ? "in" : "out"; }

std::optional<CaptureSide> capture_side_named(std::string_view name) noexcept {
  for (const auto side : {CaptureSide::Inputs, CaptureSide::Output})
    if (name == capture_side_name(side)) return side;
  return std::nullopt;
}

SafetensorsMetadata capture_metadata(const CaptureKey& key, const std::string& run) {
  SafetensorsMetadata metadata{{std::string(kVersionKey), std::string(kVersion)},
                               {"module", as_utf8(key.module)},
                               {"call", std::to_string(key.call)},
                               {"side", std::string(capture_side_name(key.side))},
                               {"run", run}};
  if (!key.root.empty()) metadata["root"] = as_utf8(key.root);
  if (key.step) metadata["step"] = std::to_string(*key.step);
  if (key.rank) metadata["rank"] = std::to_string(*key.rank);
  return metadata;
}

void say_seq(SafetensorsMetadata& metadata, std::uint64_t seq) { metadata["seq"] = std::to_string(seq); }

std::optional<std::uint64_t> seq_in(const SafetensorsMetadata& metadata) {
  const auto said = metadata.find("seq");
  if (said == metadata.end()) return std::nullopt;
  const auto* const end = said->second.data() + said->second.size();
  std::uint64_t seq = 0;
  const auto parsed = std::from_chars(said->second.data(), end, seq);
  return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional(seq) : std::nullopt;
}

std::optional<CaptureNames> names_in(const SafetensorsMetadata& metadata) {
  const auto module = metadata.find("module"), root = metadata.find("root");
  if (module == metadata.end()) return std::nullopt;
  return CaptureNames{root == metadata.end() ? std::string() : root->second, module->second};
}

std::string contradiction(const SafetensorsMetadata& metadata, const CaptureKey& key, const std::string& run) {
  const auto version = metadata.find(kVersionKey);
  if (version == metadata.end()) return "its metadata do not say that it is a capture";
  if (version->second != kVersion) return "it is a capture of version " + version->second + ", which is not known here";
  const auto expected = capture_metadata(key, run);
  for (const auto* const name : {"root", "module", "step", "call", "side", "rank", "run"}) {
    const auto said = metadata.find(name), by_path = expected.find(name);
    const bool is_said = said != metadata.end(), is_in_path = by_path != expected.end();
    if (is_said != is_in_path || (is_said && said->second != by_path->second))
      return std::string("its metadata give another ") + name + " than its path";
  }
  return {};
}

std::optional<DType> dtype_of_pairs(DType complex) noexcept {
  if (complex == DType::Complex32) return DType::Float16;
  if (complex == DType::Complex128) return DType::Float64;
  return std::nullopt;
}

void say_stored_as_pairs(SafetensorsMetadata& metadata, std::string_view label, DType complex) {
  metadata[dtype_key(label)] = torch_name(complex);
}

std::optional<DType> stored_as_pairs_of(const SafetensorsEntry& entry, const SafetensorsMetadata& metadata) {
  const auto said = metadata.find(dtype_key(entry.name));
  if (said == metadata.end()) return std::nullopt;
  const auto complex = dtype_from_torch_name(said->second);
  const bool fits =
      complex && dtype_of_pairs(*complex) == entry.dtype && !entry.sizes.empty() && entry.sizes.back() == 2;
  return fits ? complex : std::nullopt;
}

}  // namespace fvhooks::internal
