#pragma once
// How a capture's key is spelt as a path, and read back from one.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fvhooks/capture.h"

namespace fvhooks::internal {

inline constexpr std::string_view kCaptureSuffix = ".safetensors";

// A name of any bytes as one part of a path.
std::string encoded_name(std::string_view name, std::string_view spelling_if_empty);
// The name; nullopt: it was cut, or nobody encoded it so.
std::optional<std::string> decoded_name(std::string_view part, std::string_view spelling_if_empty);

std::string encoded_root(std::string_view root);
std::string encoded_module(std::string_view module);
std::optional<std::string> decoded_root(std::string_view part);
std::optional<std::string> decoded_module(std::string_view part);

// "step3.call1.out.safetensors"
std::string file_name(const CaptureKey& key);
// Step, call and side; nullopt: not a capture's name.
std::optional<CaptureKey> parsed_file_name(std::string_view name);

// "20261125T001500.123456Z-9f3c01aa-rank3": sorted by name they are sorted by time.
struct RunFolder {
  std::string time, run;
  std::optional<std::int64_t> rank;

  auto operator<=>(const RunFolder&) const = default;
};
std::string run_folder_name(const RunFolder& folder);
std::optional<RunFolder> parsed_run_folder_name(std::string_view name);
std::string utc_now();  // for RunFolder::time

}  // namespace fvhooks::internal
