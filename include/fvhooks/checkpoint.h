#pragma once
// A model's weights in one safetensors file or in several with an index (transformers' and diffusers' sharded form:
// NAME.safetensors.index.json, whose "weight_map" says which file has which tensor).
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fvhooks/expected.h"
#include "fvhooks/safetensors.h"

namespace fvhooks {

// Movable; entries and files live as long as it does. const methods from any thread.
class Checkpoint {
 public:
  static constexpr std::uint64_t kMaxIndex = 100'000'000;  // bytes

  // `path`: a .safetensors file, an index, or a folder that holds exactly one of the two. Errors name the file: an
  // index that is no JSON, too large, names files outside its folder, or tensors that their files do not hold.
  static Expected<Checkpoint> open(const std::string& path);

  struct Place {
    std::size_t file = 0;
    const SafetensorsEntry* entry = nullptr;
  };
  const Place* find(std::string_view name) const noexcept;
  const std::map<std::string, Place, std::less<>>& places() const noexcept { return places_; }
  const std::vector<std::string>& paths() const noexcept { return paths_; }
  const SafetensorsFile& file(std::size_t index) const noexcept { return files_[index]; }

 private:
  Expected<std::size_t> add_file(const std::string& path);
  Expected<std::monostate> add_index(const std::string& path);

  std::vector<std::string> paths_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, Place, std::less<>> places_;
};

}  // namespace fvhooks
