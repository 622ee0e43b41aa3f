#pragma once
// Files for the tests of this folder.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace fvhooks {

// A folder of its own that goes with the object.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "safetensors-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(std::string_view name) const { return (path_ / name).string(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

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
