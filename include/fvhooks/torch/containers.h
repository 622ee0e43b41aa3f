#pragma once
// Sequential, whose own forward is hookable, and an AnyModule that hands out instrumented modules by type.
// ModuleList and ModuleDict have no forward: torch's do.
#include <torch/nn/modules/container/sequential.h>

#include "fvhooks/torch/internal/hook_site.h"

namespace fvhooks::nn {

// torch's AnyModule::get<T> wants forward to be declared in T itself. This one asks whether the module is a T.
class AnyModule : public torch::nn::AnyModule {
 public:
  using torch::nn::AnyModule::AnyModule;
  using torch::nn::AnyModule::operator=;
  AnyModule() = default;
  AnyModule(torch::nn::AnyModule other) : torch::nn::AnyModule(std::move(other)) {}  // NOLINT: implicit by design

  AnyModule clone(std::optional<torch::Device> device = std::nullopt) const {
    return torch::nn::AnyModule::clone(device);
  }

  std::shared_ptr<torch::nn::Module> ptr() const { return torch::nn::AnyModule::ptr(); }
  template <class T>
    requires std::derived_from<T, torch::nn::Module>
  std::shared_ptr<T> ptr() const {
    auto module = std::dynamic_pointer_cast<T>(ptr());
    TORCH_CHECK(module, "Attempted to cast module of type ", c10::demangle(type_info().name()), " to type ",
                c10::demangle(typeid(T).name()));
    return module;
  }
  template <class T>
    requires std::derived_from<T, torch::nn::Module>
  T& get() const {
    return *ptr<T>();
  }
  template <class Holder, class Contained = typename Holder::ContainedType>
  Holder get() const {
    return Holder(ptr<Contained>());
  }
};

// Any type in, any type out, so there is no one signature to make a call slot for: forward looks at each call whether
// there are hooks. Its clone is hookable and keeps the children's names, which torch's forgets.
class SequentialImpl final : public torch::nn::SequentialImpl, public internal::HookSite {
 public:
  SequentialImpl() : HookSite(&off, &on) {}
  template <class... Modules>
    requires(sizeof...(Modules) > 0 && !(std::same_as<std::remove_cvref_t<Modules>, SequentialImpl> || ...))
  explicit SequentialImpl(Modules&&... modules)
      : torch::nn::SequentialImpl(std::forward<Modules>(modules)...), HookSite(&off, &on) {}
  explicit SequentialImpl(torch::OrderedDict<std::string, torch::nn::AnyModule>&& modules)
      : torch::nn::SequentialImpl(std::move(modules)), HookSite(&off, &on) {}
  explicit SequentialImpl(std::initializer_list<torch::nn::NamedAnyModule> modules)
      : torch::nn::SequentialImpl(modules), HookSite(&off, &on) {}

  std::shared_ptr<torch::nn::Module> clone(const std::optional<torch::Device>& device = std::nullopt) const override;

  template <class Result = torch::Tensor, class... Inputs>
  Result forward(Inputs&&... inputs) {
    if (is_hooked()) {
      if (const auto hooks = HookSite::hooks()) return forward_hooked<Result>(*hooks, std::forward<Inputs>(inputs)...);
    }
    return torch::nn::SequentialImpl::forward<Result>(std::forward<Inputs>(inputs)...);
  }

  template <class T>
  T& at(std::size_t index) const {
    return *ptr<T>(index);
  }
  std::shared_ptr<torch::nn::Module> ptr(std::size_t index) const { return torch::nn::SequentialImpl::ptr(index); }
  template <class T>
  std::shared_ptr<T> ptr(std::size_t index) const {
    TORCH_CHECK(index < size(), "Index out of range");
    return AnyModule(*(begin() + static_cast<std::ptrdiff_t>(index))).ptr<T>();
  }

 private:
  static void off() {}
  static void on();

  template <class Result, class... Inputs>
  Result forward_hooked(const internal::HookList& hooks, Inputs&&... inputs) {
    std::tuple<std::decay_t<Inputs>...> held(std::forward<Inputs>(inputs)...);
    internal::HookedCall call(hooks, *this, ValueRef(held));
    Result output = std::apply(
        [&](auto&... input) { return torch::nn::SequentialImpl::forward<Result>(std::move(input)...); }, held);
    call.finish(ValueRef(output));
    return output;
  }
};

class Sequential : public torch::nn::ModuleHolder<SequentialImpl> {
 public:
  using torch::nn::ModuleHolder<SequentialImpl>::ModuleHolder;
  Sequential() = default;
  Sequential(std::initializer_list<torch::nn::NamedAnyModule> modules)
      : ModuleHolder(std::make_shared<SequentialImpl>(modules)) {}
};

}  // namespace fvhooks::nn
