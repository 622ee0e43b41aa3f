#pragma once
// Files for the tests of this folder.
#include <fstream>
#include <span>
#include <string>
#include <string_view>

#include "core/testing/temporary_folder.h"

namespace fvhooks {

using testing::contents;
using testing::TemporaryFolder;

inline void write_file(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
}

// A whole file from its JSON and its data.
inline std::string safetensors_text(std::string_view json, std::string_view data) {
  std::string text;
  for (std::size_t i = 0; i < 8; ++i) text += static_cast<char>((json.size() >> (8 * i)) & 0xFF);
  return text.append(json).append(data);
}

inline std::span<const std::byte> as_file(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace fvhooks
