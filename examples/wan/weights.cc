#include "weights.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <vector>

#include "fvhooks/expected.h"
#include "fvhooks/safetensors.h"
#include "tensors.h"

namespace wan {
namespace {

namespace dom = simdjson::dom;

constexpr auto kWeightsFile = "diffusion_pytorch_model.safetensors";
constexpr auto kIndexFile = "diffusion_pytorch_model.safetensors.index.json";

// The names of the shards that an index lists. An index may not lead out of its folder.
std::set<std::string> shards_of(const std::filesystem::path& index) {
  dom::parser parser;
  dom::object weight_map;
  if (const auto error = parser.load(index.string())["weight_map"].get(weight_map); error != simdjson::SUCCESS)
    throw fvhooks::Exception(index.string() + ": weight_map cannot be read: " + simdjson::error_message(error));
  std::set<std::string> shards;
  for (const auto [name, value] : weight_map) {
    std::string_view shard;
    if (value.get(shard) != simdjson::SUCCESS || std::filesystem::path(shard).filename() != shard)
      throw fvhooks::Exception(index.string() + ": the file of \"" + std::string(name) + "\" is not a file's name");
    shards.emplace(shard);
  }
  return shards;
}

class Checkpoint {
 public:
  explicit Checkpoint(const std::filesystem::path& folder) {
    const std::filesystem::path path = checkpoint_path(folder.string());
    if (path.filename() == kIndexFile) {
      for (const auto& shard : shards_of(path)) add(folder / shard);
    } else {
      add(path);
    }
  }

  const std::map<std::string, torch::Tensor>& tensors() const noexcept { return tensors_; }

 private:
  void add(const std::filesystem::path& path) {
    for (auto& [name, tensor] : read_tensors(path.string()))
      if (!tensors_.emplace(name, std::move(tensor)).second)
        throw fvhooks::Exception(path.string() + ": \"" + name + "\" is in another shard already");
  }

  std::map<std::string, torch::Tensor> tensors_;
};

// What a model and a checkpoint do not agree on.
class Disagreements {
 public:
  template <class... Text>
  void add(const char* kind, const Text&... text) {
    std::ostringstream line;
    (line << ... << text);
    by_kind_[kind].push_back(line.str());
  }

  void throw_if_any(const std::string& folder) const {
    constexpr std::size_t kListed = 20;
    if (by_kind_.empty()) return;
    std::string message = folder + ": the weights do not fit the model";
    for (const auto& [kind, names] : by_kind_) {
      message += "\n  " + kind + " (" + std::to_string(names.size()) + "):";
      for (std::size_t i = 0; i < std::min(names.size(), kListed); ++i) message += "\n    " + names[i];
      if (names.size() > kListed) message += "\n    …";
    }
    throw fvhooks::Exception(message);
  }

 private:
  std::map<std::string, std::vector<std::string>> by_kind_;
};

void check(const torch::OrderedDict<std::string, Tensor>& parameters, const Checkpoint& checkpoint,
           const std::string& folder) {
  Disagreements disagreements;
  for (const auto& parameter : parameters) {
    const auto stored = checkpoint.tensors().find(parameter.key());
    if (stored == checkpoint.tensors().end()) {
      disagreements.add("missing", parameter.key());
    } else if (stored->second.sizes() != parameter->sizes()) {
      disagreements.add("of another shape", parameter.key(), ": ", stored->second.sizes(), " in the file, ",
                        parameter->sizes(), " in the model");
    } else if (!stored->second.is_floating_point()) {
      disagreements.add("not floating point", parameter.key(), ": ", stored->second.dtype());
    }
  }
  for (const auto& [name, tensor] : checkpoint.tensors())
    if (!parameters.contains(name)) disagreements.add("not expected", name);
  disagreements.throw_if_any(folder);
}

bool is_kept_in_float32(const std::string& name) {
  constexpr std::array<std::string_view, 5> kKept = {"time_embedder", "scale_shift_table", "norm1", "norm2", "norm3"};
  std::istringstream parts(name);
  for (std::string part; std::getline(parts, part, '.');)
    if (std::ranges::find(kKept, part) != kKept.end()) return true;
  return false;
}

}  // namespace

std::string checkpoint_path(const std::string& folder) {
  const auto index = std::filesystem::path(folder) / kIndexFile;
  return (std::filesystem::exists(index) ? index : std::filesystem::path(folder) / kWeightsFile).string();
}

void load_weights(WanTransformer3DModelImpl& model, const std::string& folder, torch::ScalarType dtype) {
  const Checkpoint checkpoint(folder);
  auto parameters = model.named_parameters();
  check(parameters, checkpoint, folder);
  for (auto& parameter : parameters) {
    const auto& stored = checkpoint.tensors().at(parameter.key());
    parameter->set_data(stored.to(is_kept_in_float32(parameter.key()) ? torch::kFloat32 : dtype));
    parameter->requires_grad_(false);
  }
}

}  // namespace wan
