#pragma once
// Makes a module's forward hookable. Where TORCH_MODULE(Block) stood, write
//
//     FVHOOKS_MODULE(Block);
//
// and m(x), m->forward(x), Sequential and AnyModule go through the instance's call slot. Block is then the holder of a
// BlockHooked, which derives from BlockImpl. A forward with default arguments, or one of several overloads, or an
// instance of a template, is spelled out, and this one is hookable (the others are called as before):
//
//     FVHOOKS_MODULE_FORWARD(Block, (torch::Tensor x, torch::Tensor mask = {}), (x, mask));
//
// AnyModule and Sequential learn of defaults as ever from FORWARD_HAS_DEFAULT_ARGS in BlockImpl.
//
// Not hooked: a call that names the base, through a BlockImpl& or as BlockImpl::forward. Not possible: a forward that
// is `&` or `&&` qualified, and deriving from BlockHooked (derive from BlockImpl).
// Compiled with -DFVHOOKS_DISABLE, for the whole program, both macros are TORCH_MODULE.
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "fvhooks/torch/internal/call_slot.h"

namespace fvhooks {
namespace internal {

struct Adopt {};

// Wrapped, a slot, and how the two are built and cloned.
template <class Wrapped, class Self, class Call>
class SlottedModule : public Wrapped, public CallSite<Call> {
  static_assert(std::is_base_of_v<torch::nn::Module, Wrapped>, "FVHOOKS_MODULE is for torch::nn::Module subclasses");
  static_assert(
      !std::is_base_of_v<HookSite, Wrapped>,
      "this module derives from an instrumented one: derive from the plain one (torch::nn::LinearImpl) instead");

 public:
  SlottedModule() = default;
  using Wrapped::Wrapped;
  SlottedModule(Adopt, Wrapped&& module) : Wrapped(std::move(module)) {}

  // Wrapped's clone is a plain Wrapped: its contents move into an instance that has a slot.
  std::shared_ptr<torch::nn::Module> clone(const std::optional<torch::Device>& device = std::nullopt) const override {
    auto plain = Wrapped::clone(device);
    if constexpr (std::is_move_constructible_v<Wrapped>) {
      auto* const wrapped = dynamic_cast<Wrapped*>(plain.get());
      if (wrapped && !dynamic_cast<HookSite*>(plain.get())) return std::make_shared<Self>(Adopt{}, std::move(*wrapped));
    }
    return plain;
  }
};

template <class Wrapped, class Self, class Signature>
class RoutedForward;

template <class Wrapped, class Self, class Class, class R, class... A>
class RoutedForward<Wrapped, Self, ForwardSignature<R (Class::*)(A...)>>
    : public SlottedModule<Wrapped, Self, Call<Wrapped, Self, Class, R, A...>> {
 public:
  using RoutedForward::SlottedModule::SlottedModule;
  R forward(A... args) { return this->call_site().call(*this, args...); }
};

template <class Wrapped, class Self, class Class, class R, class... A>
class RoutedForward<Wrapped, Self, ForwardSignature<R (Class::*)(A...) const>>
    : public SlottedModule<Wrapped, Self, Call<Wrapped, Self, const Class, R, A...>> {
 public:
  using RoutedForward::SlottedModule::SlottedModule;
  R forward(A... args) const { return this->call_site().call(*this, args...); }
};

// So that the static_assert in Instrumented is the first thing that the compiler says.
template <class Wrapped, class Self>
class RoutedForward<Wrapped, Self, NoSignature> : public Wrapped {
 public:
  using Wrapped::Wrapped;
};

}  // namespace internal

// What FVHOOKS_MODULE makes: `struct BlockHooked final : Instrumented<BlockImpl, BlockHooked>`. The name is short
// because AnyModule demangles it at each call.
template <class Wrapped, class Self>
class Instrumented : public internal::RoutedForward<Wrapped, Self, internal::SignatureOf<Wrapped>> {
  static_assert(!std::is_same_v<internal::SignatureOf<Wrapped>, internal::NoSignature>,
                "forward is overloaded, a template, ref-qualified, not public or missing: name the one to hook with "
                "FVHOOKS_MODULE_FORWARD(Name, (parameters), (their names))");
  static_assert(!internal::kHasDefaultArguments<Wrapped, internal::SignatureOf<Wrapped>>,
                "forward has default arguments: repeat them in "
                "FVHOOKS_MODULE_FORWARD(Name, (parameters = with defaults), (their names))");

 public:
  using Instrumented::RoutedForward::RoutedForward;
};

// What FVHOOKS_MODULE_FORWARD makes; Parameters is a function type.
template <class Wrapped, class Self, class Parameters>
class InstrumentedForward;

template <class Wrapped, class Self, class... A>
class InstrumentedForward<Wrapped, Self, void(A...)>
    : public internal::SlottedModule<Wrapped, Self,
                                     internal::Call<Wrapped, Self, Wrapped, internal::ResultOf<Wrapped, A...>, A...>> {
 public:
  using InstrumentedForward::SlottedModule::SlottedModule;

 protected:
  using Result = internal::ResultOf<Wrapped, A...>;
  Result route(std::add_lvalue_reference_t<A>... args) { return this->call_site().call(*this, args...); }
};

}  // namespace fvhooks

#ifdef FVHOOKS_DISABLE

#define FVHOOKS_MODULE_IMPL(Name, ImplType) TORCH_MODULE_IMPL(Name, ImplType)
#define FVHOOKS_MODULE_FORWARD(Name, parameters, names) TORCH_MODULE(Name)

#else

#define FVHOOKS_MODULE_IMPL(Name, ImplType)                                            \
  struct Name##Hooked final : public ::fvhooks::Instrumented<ImplType, Name##Hooked> { \
    using Instrumented::Instrumented;                                                  \
  };                                                                                   \
  TORCH_MODULE_IMPL(Name, Name##Hooked)

#define FVHOOKS_MODULE_FORWARD(Name, parameters, names)                    \
  FVHOOKS_INSTRUMENT_FORWARD(Name##Hooked, Name##Impl, parameters, names); \
  TORCH_MODULE_IMPL(Name, Name##Hooked)

#endif

#define FVHOOKS_MODULE(Name) FVHOOKS_MODULE_IMPL(Name, Name##Impl)

#define FVHOOKS_INSTRUMENT_FORWARD(HookedType, ImplType, parameters, names)                                      \
  struct HookedType##Parameters {                                                                                \
    static void forward parameters;                                                                              \
  };                                                                                                             \
  struct HookedType final                                                                                        \
      : public ::fvhooks::InstrumentedForward<ImplType, HookedType, decltype(HookedType##Parameters::forward)> { \
    using InstrumentedForward::InstrumentedForward;                                                              \
    Result forward parameters { return this->route names; }                                                      \
  }
