#include "fvhooks/checkpoint.h"

#include <simdjson.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "safetensors/quoted.h"

namespace fvhooks {
namespace {

namespace dom = simdjson::dom;
namespace fs = std::filesystem;
using internal::quoted;

constexpr std::string_view kFileEnd = ".safetensors";
constexpr std::string_view kIndexEnd = ".safetensors.index.json";

// The one file of a folder with this ending; empty if there is none.
Expected<std::string> only_file(const fs::path& folder, std::string_view ending) {
  std::error_code failed;
  std::string found;
  for (auto entry = fs::directory_iterator(folder, failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    const auto path = entry->path().string();
    if (!path.ends_with(ending)) continue;
    if (!found.empty()) return Error{folder.string() + " holds several *" + std::string(ending) + " files: name one"};
    found = path;
  }
  if (failed) return Error{folder.string() + ": " + failed.message()};
  return found;
}

Expected<std::string> file_to_open(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return path;
  auto index = only_file(path, kIndexEnd);
  if (!index || !index->empty()) return index;
  auto file = only_file(path, kFileEnd);
  if (file && file->empty()) return Error{path + " holds no *.safetensors file"};
  return file;
}

// A shard lies beside its index: a name that leads elsewhere is none that a model's maker would write.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

}  // namespace

Expected<Checkpoint> Checkpoint::open(const std::string& path) {
  const auto chosen = file_to_open(path);
  if (!chosen) return chosen.error();
  Checkpoint checkpoint;
  if (chosen->ends_with(".json")) {
    if (auto added = checkpoint.add_index(*chosen); !added) return Error{*chosen + ": " + added.error().message};
    return checkpoint;
  }
  const auto file = checkpoint.add_file(*chosen);
  if (!file) return file.error();
  for (const auto& entry : checkpoint.files_[*file].entries()) checkpoint.places_[entry.name] = {*file, &entry};
  return checkpoint;
}

Expected<std::size_t> Checkpoint::add_file(const std::string& path) {
  const auto known = std::find(paths_.begin(), paths_.end(), path);
  if (known != paths_.end()) return static_cast<std::size_t>(known - paths_.begin());
  auto file = SafetensorsFile::open(path);
  if (!file) return file.error();
  files_.push_back(*std::move(file));
  paths_.push_back(path);
  return files_.size() - 1;
}

Expected<std::monostate> Checkpoint::add_index(const std::string& path) {
  std::error_code failed;
  const auto size = fs::file_size(path, failed);
  if (failed) return Error{failed.message()};
  if (size > kMaxIndex) return Error{"the index is larger than " + std::to_string(kMaxIndex) + " bytes"};
  dom::parser parser;
  dom::element document;
  if (const auto error = parser.load(path).get(document)) {
    return Error{std::string("not a JSON index: ") + simdjson::error_message(error)};
  }
  dom::object shards;
  if (document["weight_map"].get(shards) != simdjson::SUCCESS) return Error{"the index has no object \"weight_map\""};
  const auto folder = fs::path(path).parent_path();
  for (const auto [name, value] : shards) {
    std::string_view shard;
    if (value.get(shard) != simdjson::SUCCESS || !is_plain_name(shard)) {
      return Error{"\"weight_map\" gives " + quoted(name) + " no file beside the index"};
    }
    const auto file = add_file((folder / shard).string());
    if (!file) return file.error();
    const auto* entry = files_[*file].find(name);
    if (!entry) return Error{paths_[*file] + " does not hold " + quoted(name) + ", as the index says it does"};
    if (!places_.emplace(name, Place{*file, entry}).second)
      return Error{"\"weight_map\" names " + quoted(name) + " twice"};
  }
  if (places_.empty()) return Error{"the index names no tensor"};
  return std::monostate();
}

const Checkpoint::Place* Checkpoint::find(std::string_view name) const noexcept {
  const auto found = places_.find(name);
  return found == places_.end() ? nullptr : &found->second;
}

}  // namespace fvhooks
