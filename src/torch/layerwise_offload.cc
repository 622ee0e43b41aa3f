#include "fvhooks/torch/layerwise_offload.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <malloc.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>

#include "fvhooks/expected.h"
#include "fvhooks/torch/hook_manager.h"
#include "torch/offloaded_model.h"

namespace fvhooks {
namespace {

using internal::NamedVariable;
using internal::OffloadedModel;

struct NamedBlock {
  std::string name;
  std::shared_ptr<torch::nn::Module> module;
};

bool is_list(const torch::nn::Module& module) {
  return dynamic_cast<const torch::nn::ModuleListImpl*>(&module) != nullptr ||
         dynamic_cast<const torch::nn::SequentialImpl*>(&module) != nullptr;
}

std::string joined(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

void add_once(std::vector<NamedBlock>& blocks, const std::string& name, std::shared_ptr<torch::nn::Module> module) {
  const auto is_known = std::any_of(blocks.begin(), blocks.end(), [&](const auto& at) { return at.module == module; });
  if (!is_known) blocks.push_back({name, std::move(module)});
}

// A block holds its own lists: it is not looked into.
void find_blocks(std::vector<NamedBlock>& blocks, const torch::nn::Module& module, const std::string& prefix) {
  for (const auto& child : module.named_children()) {
    const auto name = joined(prefix, child.key());
    if (is_list(module)) {
      if (!child.value()->parameters().empty() || !child.value()->buffers().empty())
        add_once(blocks, name, child.value());
    } else {
      find_blocks(blocks, *child.value(), name);
    }
  }
}

std::vector<NamedBlock> blocks_named(const torch::nn::Module& model, const std::vector<std::string>& names) {
  std::vector<NamedBlock> blocks;
  const auto modules = model.named_modules(/*name_prefix=*/"", /*include_self=*/false);
  for (const auto& name : names) {
    const auto* const module = modules.find(name);
    if (!module) throw Exception("the model has no module \"" + name + "\" to offload");
    add_once(blocks, name, *module);
  }
  return blocks;
}

void free_awaited(void* memory) { ::operator delete(memory); }

// One element that stands for all of them.
at::Tensor awaited_like(const at::Tensor& tensor) {
  auto* const element = ::operator new(tensor.element_size());
  std::memset(element, 0xFF, tensor.element_size());
  return at::for_blob(element, {1})
      .context(element, &free_awaited)
      .options(tensor.options().device(c10::kCPU).requires_grad(false))
      .make_tensor()
      .expand(tensor.sizes());
}

bool is_awaited(const at::Tensor& tensor) {
  return tensor.has_storage() && tensor.storage().data_ptr().get_deleter() == &free_awaited;
}

NamedVariable named_variable(const std::string& name, const at::Tensor& tensor) {
  if (!is_awaited(tensor)) return {name, tensor};
  return {name, tensor, tensor.sizes().vec()};
}

std::vector<NamedVariable> variables_of(const torch::nn::Module& module, const std::string& prefix,
                                        bool recurse = true) {
  std::vector<NamedVariable> variables;
  for (const auto& item : module.named_parameters(recurse))
    variables.push_back(named_variable(joined(prefix, item.key()), item.value()));
  for (const auto& item : module.named_buffers(recurse))
    variables.push_back(named_variable(joined(prefix, item.key()), item.value()));
  return variables;
}

// What the blocks do not have.
std::vector<NamedVariable> variables_outside(const torch::nn::Module& model, const std::vector<NamedBlock>& blocks) {
  std::set<const torch::nn::Module*> seen;
  for (const auto& block : blocks) {
    for (const auto& module : block.module->modules()) seen.insert(module.get());
  }
  std::vector<NamedVariable> outside = variables_of(model, "", /*recurse=*/false);
  for (const auto& item : model.named_modules(/*name_prefix=*/"", /*include_self=*/false)) {
    if (!seen.insert(item.value().get()).second) continue;
    auto own = variables_of(*item.value(), item.key(), /*recurse=*/false);
    outside.insert(outside.end(), std::make_move_iterator(own.begin()), std::make_move_iterator(own.end()));
  }
  return outside;
}

std::shared_ptr<LayerwiseOffloadHook> hook_of(const torch::nn::Module& module) {
  const auto manager = ModuleHookManager::get_from(module);
  return manager
             ? std::dynamic_pointer_cast<LayerwiseOffloadHook>(manager->get_forward_hook(LayerwiseOffloadHook::kName))
             : nullptr;
}

// Where the blocks are, unless the caller says. A device that is not there is an error here, not a crash later.
c10::Device device_for(const std::vector<std::vector<NamedVariable>>& blocks, const LayerwiseOffloadOptions& options) {
  if (!options.device) {
    for (const auto& block : blocks) {
      if (!block.empty()) return block.front().variable.device();
    }
    return c10::kCPU;
  }
  const auto device = *options.device;
  if (device.is_cpu()) return device;
  const auto count =
      c10::impl::hasDeviceGuardImpl(device.type()) ? c10::impl::VirtualGuardImpl(device.type()).deviceCount() : 0;
  if (device.index() >= count) {
    throw Exception("there is no device " + device.str() + ": this machine, or this libtorch, has " +
                    std::to_string(count) + " of its kind");
  }
  return device;
}

}  // namespace

void LayerwiseOffloadHook::pre_forward(torch::nn::Module&, ValueRef) { state_.model().enter(state_.block()); }
void LayerwiseOffloadHook::post_forward(torch::nn::Module&, ValueRef) { state_.model().leave(state_.block()); }
void LayerwiseOffloadHook::forward_failed(torch::nn::Module&) noexcept { state_.model().leave(state_.block()); }

void LayerwiseOffloadHook::mutate_params_scope(const std::function<void()>& edit) {
  auto& model = state_.model();
  model.begin_change(state_.block());
  try {
    edit();
    model.commit_change(state_.block());
  } catch (...) {
    model.end_change(state_.block());
    throw;
  }
  model.end_change(state_.block());
}

void enable_layerwise_offload(torch::nn::Module& model, const LayerwiseOffloadOptions& options) {
  std::vector<NamedBlock> blocks;
  if (options.blocks.empty()) {
    find_blocks(blocks, model, "");
    if (blocks.empty())
      throw Exception("the model has no ModuleList or Sequential whose blocks could be offloaded: name them");
  } else {
    blocks = blocks_named(model, options.blocks);
  }
  std::vector<std::vector<NamedVariable>> variables;
  for (const auto& block : blocks) {
    if (hook_of(*block.module)) throw Exception("\"" + block.name + "\" is offloaded already");
    if (!ModuleHookManager::can_hook(*block.module)) ModuleHookManager::get_from_or_default(*block.module);  // says why
    variables.push_back(variables_of(*block.module, block.name));
  }
  internal::OffloadSettings settings;
  settings.budget = options.budget;
  settings.prefetch_depth = options.prefetch_depth;
  settings.device = device_for(variables, options);
  settings.store = options.store;
  settings.scratch = options.scratch;
  const auto offloaded = OffloadedModel::make(std::move(variables), variables_outside(model, blocks), settings);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    ModuleHookManager::get_from_or_default(*blocks[i].module)
        ->append_forward_hook(std::make_shared<LayerwiseOffloadHook>(LayerwiseOffloadState(offloaded, i)));
  }
}

void await_checkpoint(torch::nn::Module& module) {
  for (auto& parameter : module.parameters()) {
    if (parameter.numel() > 0 && !is_awaited(parameter)) parameter.set_data(awaited_like(parameter));
  }
#ifdef __GLIBC__
  // Small objects of the next module would settle in what was freed, its weights behind: the process would grow.
  ::malloc_trim(0);
#endif
}

namespace {

// Of each hooked block of the model, its hook's state.
template <class Visit>
void for_each_hook(const torch::nn::Module& model, Visit visit) {
  for (const auto& module : model.modules()) {
    if (const auto hook = hook_of(*module)) visit(*module, *hook);
  }
}

}  // namespace

void disable_layerwise_offload(torch::nn::Module& model) {
  std::set<OffloadedModel*> offloaded;
  std::vector<std::pair<torch::nn::Module*, std::shared_ptr<LayerwiseOffloadHook>>> hooks;
  for (const auto& module : model.modules()) {
    if (auto hook = hook_of(*module)) {
      offloaded.insert(&hook->state().model());
      hooks.emplace_back(module.get(), std::move(hook));
    }
  }
  for (auto* const one : offloaded) one->restore();
  for (const auto& [module, hook] : hooks) ModuleHookManager::get_from(*module)->remove_forward_hook(*hook);
}

std::map<std::string, at::Tensor> offloaded_values(const torch::nn::Module& model) {
  std::map<std::string, at::Tensor> values;
  for_each_hook(model, [&](const torch::nn::Module&, const LayerwiseOffloadHook& hook) {
    auto& offloaded = hook.state().model();
    const auto tensors = offloaded.values(hook.state().block());
    const auto& variables = offloaded.variables(hook.state().block());
    for (std::size_t i = 0; i < tensors.size(); ++i) values.emplace(variables[i].named.name, tensors[i]);
  });
  return values;
}

OffloadReport offload_report(const torch::nn::Module& model) {
  std::optional<OffloadReport> report;
  for_each_hook(model, [&](const torch::nn::Module&, const LayerwiseOffloadHook& hook) {
    if (!report) report = hook.state().model().engine().report();
  });
  return report.value_or(OffloadReport());
}

}  // namespace fvhooks
