#include "fvhooks/torch/hook_manager.h"

#include <c10/util/Type.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>

namespace fvhooks {
namespace {

using internal::HookList;

auto find(HookList& hooks, std::string_view name) {
  return std::find_if(hooks.begin(), hooks.end(), [&](const auto& hook) { return hook->name() == name; });
}

HookList::iterator find_or_throw(HookList& hooks, std::string_view name) {
  const auto found = find(hooks, name);
  if (found == hooks.end())
    throw std::invalid_argument("this module has no forward hook named \"" + std::string(name) + "\"");
  return found;
}

void throw_if_taken(HookList& hooks, std::string_view name) {
  if (find(hooks, name) != hooks.end())
    throw std::invalid_argument("this module already has a forward hook named \"" + std::string(name) +
                                "\": remove or replace that one");
}

void throw_if_null(const std::shared_ptr<ForwardHook>& hook) {
  if (!hook) throw std::invalid_argument("the forward hook is null");
}

const internal::HookSite* site_of(const torch::nn::Module& module) noexcept {
  return dynamic_cast<const internal::HookSite*>(&module);
}
internal::HookSite* site_of(torch::nn::Module& module) noexcept { return dynamic_cast<internal::HookSite*>(&module); }

}  // namespace

bool ModuleHookManager::can_hook(const torch::nn::Module& module) noexcept { return site_of(module) != nullptr; }

std::shared_ptr<ModuleHookManager> ModuleHookManager::get_from(const torch::nn::Module& module) {
  const auto* const site = site_of(module);
  if (!site) return nullptr;
  const std::lock_guard lock(site->mutex_);
  return site->manager_;
}

std::shared_ptr<ModuleHookManager> ModuleHookManager::get_from_or_default(torch::nn::Module& module) {
  auto* const site = site_of(module);
  if (!site)
    throw std::invalid_argument(
        "a " + c10::demangle(typeid(module).name()) +
        " cannot be hooked: write FVHOOKS_MODULE where TORCH_MODULE stands, and fvhooks::nn for "
        "torch::nn");
  const std::lock_guard lock(site->mutex_);
  if (!site->manager_) site->manager_.reset(new ModuleHookManager(*site, module));
  return site->manager_;
}

void ModuleHookManager::remove_from_manager(torch::nn::Module& module) {
  const auto manager = get_from(module);
  if (!manager) return;
  const std::lock_guard editing(manager->editing_);
  for (auto hooks = manager->current(); !hooks.empty(); hooks = manager->current())
    manager->remove_forward_hook(hooks.back()->name());
  auto* const site = site_of(module);
  const std::lock_guard lock(site->mutex_);
  if (site->manager_ != manager) return;
  site->manager_ = nullptr;
  manager->site_ = nullptr;
}

void ModuleHookManager::append_forward_hook(std::shared_ptr<ForwardHook> hook) {
  throw_if_null(hook);
  const std::lock_guard editing(editing_);
  if (!site_) throw std::invalid_argument("this hook manager's module is gone");
  auto hooks = current();
  throw_if_taken(hooks, hook->name());
  hook->on_attach(*module_);
  hooks = current();  // on_attach may have edited them
  throw_if_taken(hooks, hook->name());
  hooks.push_back(std::move(hook));
  publish(std::move(hooks));
}

void ModuleHookManager::replace_forward_hook(std::string_view name, std::shared_ptr<ForwardHook> hook,
                                             bool run_on_attach) {
  throw_if_null(hook);
  const std::lock_guard editing(editing_);
  auto hooks = current();
  const auto old = *find_or_throw(hooks, name);
  if (hook->name() != name) throw_if_taken(hooks, hook->name());
  const auto place = find(hooks, name) - hooks.begin();
  // Nobody runs a hook between its detachment and its attachment.
  hooks.erase(hooks.begin() + place);
  publish(std::move(hooks));
  const auto put_back = [&](std::shared_ptr<ForwardHook> attached) {
    auto others = current();  // the hooks' own code may have edited them
    others.insert(others.begin() + std::min(place, std::ssize(others)), std::move(attached));
    publish(std::move(others));
  };
  if (run_on_attach) old->on_detach(*module_);
  try {
    hook->on_attach(*module_);
  } catch (...) {
    if (run_on_attach) old->on_attach(*module_);
    put_back(old);
    throw;
  }
  put_back(std::move(hook));
}

void ModuleHookManager::remove_forward_hook(std::string_view name, bool run_detach) {
  const std::lock_guard editing(editing_);
  auto hooks = current();
  const auto found = find_or_throw(hooks, name);
  const auto hook = *found;
  hooks.erase(found);
  publish(std::move(hooks));
  if (run_detach) hook->on_detach(*module_);
}

bool ModuleHookManager::remove_forward_hook(const ForwardHook& hook, bool run_detach) {
  const std::lock_guard editing(editing_);
  if (get_forward_hook(hook.name()).get() != &hook) return false;
  remove_forward_hook(hook.name(), run_detach);
  return true;
}

std::shared_ptr<ForwardHook> ModuleHookManager::get_forward_hook(std::string_view name) const {
  auto hooks = forward_hooks();
  const auto found = find(hooks, name);
  return found == hooks.end() ? nullptr : *found;
}

std::vector<std::shared_ptr<ForwardHook>> ModuleHookManager::forward_hooks() const {
  const std::lock_guard editing(editing_);
  return current();
}

HookList ModuleHookManager::current() const {
  if (!site_) return {};
  const auto hooks = site_->hooks();
  return hooks ? *hooks : HookList{};
}

void ModuleHookManager::publish(HookList hooks) {
  const bool any = !hooks.empty();
  site_->hooks_.replace(std::move(hooks));
  site_->slot_.store(any ? site_->hooked_ : site_->plain_, std::memory_order_relaxed);
}

void ModuleHookManager::forget_site() noexcept {
  const std::lock_guard editing(editing_);
  site_ = nullptr;
  module_ = nullptr;
}

}  // namespace fvhooks
