#include "torch/trace_targets.h"

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/moduledict.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/parameterdict.h>
#include <torch/nn/modules/container/parameterlist.h>

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "core/counted.h"
#include "fvhooks/torch/hook_manager.h"
#include "fvhooks/warning.h"
#include "regex/python_regex.h"

namespace fvhooks::internal {
namespace {

Exception pattern_error(const TraceConfig& config, const Error& error) {
  return Exception("FASTVIDEO_TRACE_LAYERS=\"" + config.layers + "\": " + error.message);
}

std::string quoted_list(const std::vector<std::string>& names, std::size_t limit) {
  std::string text;
  for (std::size_t i = 0; i < std::min(limit, names.size()); ++i)
    text.append(text.empty() ? "" : ", ").append("\"" + names[i] + "\"");
  if (names.size() > limit) text += ", …";
  return text;
}

// All modules under `model`, each once, by its first name.
std::vector<TraceTarget> modules_under(torch::nn::Module& model) {
  std::vector<TraceTarget> modules;
  std::unordered_set<const torch::nn::Module*> seen;
  for (const auto& item : model.named_modules({}, /*include_self=*/false))
    if (item.value() && seen.insert(item.value().get()).second) modules.push_back({item.key(), item.value().get()});
  return modules;
}

// These have no forward that anybody calls: a hook would see nothing in Python either.
bool has_no_forward(const torch::nn::Module& module) {
  return dynamic_cast<const torch::nn::ModuleListImpl*>(&module) ||
         dynamic_cast<const torch::nn::ModuleDictImpl*>(&module) ||
         dynamic_cast<const torch::nn::ParameterListImpl*>(&module) ||
         dynamic_cast<const torch::nn::ParameterDictImpl*>(&module);
}

// MultiheadAttention reads its out_proj's weights and does not call it.
std::unordered_set<const torch::nn::Module*> parts_of_attention(const std::vector<TraceTarget>& modules) {
  std::unordered_set<const torch::nn::Module*> parts;
  for (const auto& [name, module] : modules)
    if (auto* const attention = dynamic_cast<torch::nn::MultiheadAttentionImpl*>(module))
      parts.insert(attention->out_proj.ptr().get());
  return parts;
}

void warn_of_unhookable(const std::vector<std::string>& names) {
  if (names.empty()) return;
  warn(counted(names.size(), "module") + " cannot be traced, plain torch::nn: " + quoted_list(names, 3) +
       ". Write fvhooks::nn for torch::nn, and FVHOOKS_MODULE for TORCH_MODULE");
}

void warn_of_no_match(const TraceConfig& config, const std::vector<TraceTarget>& modules) {
  std::vector<std::string> names;
  for (const auto& module : modules) names.push_back(module.name);
  std::string message =
      "FASTVIDEO_TRACE_LAYERS=\"" + config.layers + "\" finds none of " + std::to_string(names.size()) + " modules";
  if (const auto nearest = nearest_names(config.layers, names, 3); !nearest.empty())
    message += "; the nearest are " + quoted_list(nearest, 3);
  warn(message);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::size_t distance_to_name(std::string_view text, std::string_view name) {
  auto distance = edit_distance(text, name);
  for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1))
    distance = std::min(distance, edit_distance(text, name.substr(dot + 1)));
  return distance;
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view text, const std::vector<std::string>& names,
                                       std::size_t count) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const auto& name : names) ranked.emplace_back(distance_to_name(text, name), name);
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> nearest;
  for (std::size_t i = 0; i < std::min(count, ranked.size()); ++i) nearest.push_back(ranked[i].second);
  return nearest;
}

std::vector<std::string> module_names(torch::nn::Module& model) {
  std::vector<std::string> names{""};
  for (auto& module : modules_under(model)) names.push_back(std::move(module.name));
  return names;
}

std::vector<TraceTarget> trace_targets(torch::nn::Module& model, const TraceConfig& config) {
  const auto regex = PythonRegex::compile(config.layers);
  if (!regex) throw pattern_error(config, regex.error());
  const auto modules = modules_under(model);
  std::vector<TraceTarget> found;
  if (config.root) found.push_back({"", &model});
  const auto before = found.size();
  for (const auto& module : modules) {
    const auto matches = regex->search(module.name);
    if (!matches) throw pattern_error(config, matches.error());
    if (*matches) found.push_back(module);
  }
  if (found.size() == before && !modules.empty()) warn_of_no_match(config, modules);

  const auto uncalled = parts_of_attention(modules);
  std::vector<std::string> unhookable;
  std::erase_if(found, [&](const TraceTarget& target) {
    if (ModuleHookManager::can_hook(*target.module)) return false;
    if (!has_no_forward(*target.module) && !uncalled.contains(target.module)) unhookable.push_back(target.name);
    return true;
  });
  warn_of_unhookable(unhookable);
  return found;
}

}  // namespace fvhooks::internal
