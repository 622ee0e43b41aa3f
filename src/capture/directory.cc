#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "capture/metadata.h"
#include "capture/path.h"
#include "fvhooks/capture.h"

namespace fvhooks {
namespace {

namespace fs = std::filesystem;
using internal::RunFolder;

// In order of name, so that what is found does not depend on the file system.
std::vector<fs::path> listed(const fs::path& folder, fs::file_type type) {
  std::vector<fs::path> paths;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed))
    if (std::error_code unknown; entry->status(unknown).type() == type) paths.push_back(entry->path());
  std::ranges::sort(paths);
  return paths;
}

// One root of one run.
struct RootFolder {
  RunFolder run;
  std::string part;  // of its path
  fs::path path;
};

std::vector<RootFolder> roots_of_run(const RunFolder& run, const fs::path& folder) {
  std::vector<RootFolder> roots;
  for (const auto& path : listed(folder, fs::file_type::directory)) roots.push_back({run, path.filename(), path});
  return roots;
}

// Of "DIR/" as well as of "DIR".
std::string last_part(const fs::path& folder) {
  const auto path = fs::absolute(folder).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

std::vector<RootFolder> all_roots(const fs::path& folder) {
  if (const auto run = internal::parsed_run_folder_name(last_part(folder))) return roots_of_run(*run, folder);
  std::vector<RootFolder> roots;
  for (const auto& path : listed(folder, fs::file_type::directory)) {
    const auto run = internal::parsed_run_folder_name(path.filename().string());
    if (!run) continue;
    for (auto& root : roots_of_run(*run, path)) roots.push_back(std::move(root));
  }
  return roots;
}

// Of each rank and root the run that began last; the others, and what is said of them.
std::vector<RootFolder> newest(const std::vector<RootFolder>& roots, std::vector<std::string>& notes) {
  std::map<std::pair<std::optional<std::int64_t>, std::string>, const RootFolder*> last;
  for (const auto& root : roots) {
    auto& slot = last[{root.run.rank, root.part}];
    if (!slot || slot->run < root.run) slot = &root;
  }
  std::vector<RootFolder> kept;
  for (const auto& [key, root] : last) kept.push_back(*root);
  if (kept.size() < roots.size()) {
    std::map<RunFolder, bool> is_used;
    for (const auto& root : roots) is_used[root.run] = is_used[root.run] || last[{root.run.rank, root.part}] == &root;
    for (const auto& [run, used] : is_used)
      notes.push_back("captures of run " + run.run +
                      (used ? " are used where no later run has any" : " are left out: a later run has the same"));
  }
  return kept;
}

std::optional<std::string> metadata_name(const fs::path& file, std::string internal::CaptureNames::* name) {
  const auto opened = SafetensorsFile::open(file);
  const auto names = opened ? internal::names_in(opened->metadata()) : std::nullopt;
  if (!names) return std::nullopt;
  return (*names).*name;
}

// The captures of one module; the names that its path has cut are its files' to tell.
void add_module(const RootFolder& root, const fs::path& folder, std::vector<Capture>& captures) {
  const auto module = internal::decoded_module(folder.filename().string());
  const auto root_name = internal::decoded_root(root.part);
  for (const auto& file : listed(folder, fs::file_type::regular)) {
    auto key = internal::parsed_file_name(file.filename().string());
    if (!key) continue;
    const auto named_root = root_name ? root_name : metadata_name(file, &internal::CaptureNames::root);
    const auto named_module = module ? module : metadata_name(file, &internal::CaptureNames::module);
    if (!named_root || !named_module) continue;
    key->rank = root.run.rank;
    key->root = *named_root;
    key->module = *named_module;
    captures.push_back({*std::move(key), root.run.run, file.string()});
  }
}

std::vector<std::int64_t> contiguous_strides(std::span<const std::int64_t> sizes) {
  std::vector<std::int64_t> strides(sizes.size(), 1);
  for (auto i = sizes.size(); i-- > 1;) strides[i - 1] = strides[i] * sizes[i];
  return strides;
}

}  // namespace

CapturedTensors::CapturedTensors(SafetensorsFile file) : file_(std::move(file)) {
  for (const auto& entry : file_.entries()) {
    auto& sizes = sizes_.emplace_back(entry.sizes);
    const auto pairs_of = internal::stored_as_pairs_of(entry, file_.metadata());
    if (pairs_of) sizes.pop_back();
    strides_.push_back(contiguous_strides(sizes));
    tensors_.push_back({entry.name, TensorView{file_.bytes(entry).data(), pairs_of.value_or(entry.dtype), {}, {}}});
  }
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    tensors_[i].tensor.sizes = sizes_[i];
    tensors_[i].tensor.strides = strides_[i];
  }
}

const TensorView* CapturedTensors::find(std::string_view label) const noexcept {
  const auto found = std::ranges::find(tensors_, label, &SafetensorsTensor::name);
  return found == tensors_.end() ? nullptr : &found->tensor;
}

std::optional<std::uint64_t> CapturedTensors::seq() const noexcept { return internal::seq_in(file_.metadata()); }

Expected<CaptureDirectory> CaptureDirectory::open(const std::string& folder) {
  std::error_code failed;
  if (!fs::is_directory(folder, failed)) return Error{folder + ": not a folder of captures"};
  CaptureDirectory directory;
  for (const auto& root : newest(all_roots(folder), directory.notes_))
    for (const auto& module : listed(root.path, fs::file_type::directory))
      add_module(root, module, directory.captures_);
  if (directory.captures_.empty())
    return Error{folder + ": holds no capture (FASTVIDEO_TRACE_CAPTURE writes them, see docs/capture.md)"};
  std::ranges::sort(directory.captures_, {}, &Capture::key);
  return directory;
}

const Capture* CaptureDirectory::find(const CaptureKey& key) const noexcept {
  const auto found = std::ranges::lower_bound(captures_, key, {}, &Capture::key);
  return found != captures_.end() && found->key == key ? &*found : nullptr;
}

Expected<CapturedTensors> CaptureDirectory::read(const Capture& capture) {
  auto file = SafetensorsFile::open(capture.path);
  if (!file) return file.error();
  if (const auto fault = internal::contradiction(file->metadata(), capture.key, capture.run); !fault.empty())
    return Error{capture.path + ": " + fault};
  return CapturedTensors(*std::move(file));
}

}  // namespace fvhooks
