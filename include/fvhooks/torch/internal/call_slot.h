#pragma once
// The functions that a call slot can hold, and the call through it.
#include <tuple>
#include <type_traits>
#include <utility>

#include "fvhooks/torch/internal/hook_site.h"

// GCC hands out the address of a member function, so that with hooks off forward is called as directly as ever.
// Elsewhere a function between calls it.
#if !defined(FVHOOKS_SLOT_THUNK) && (!defined(__GNUC__) || defined(__clang__))
#define FVHOOKS_SLOT_THUNK
#endif

namespace fvhooks::internal {

template <class Forward>
struct ForwardSignature {};
struct NoSignature {};

template <class Forward>
struct KnownSignature {
  using Type = NoSignature;
};
template <class C, class R, class... A>
struct KnownSignature<R (C::*)(A...)> {
  using Type = ForwardSignature<R (C::*)(A...)>;
};
template <class C, class R, class... A>
struct KnownSignature<R (C::*)(A...) const> {
  using Type = ForwardSignature<R (C::*)(A...) const>;
};
template <class C, class R, class... A>
struct KnownSignature<R (C::*)(A...) noexcept> : KnownSignature<R (C::*)(A...)> {};
template <class C, class R, class... A>
struct KnownSignature<R (C::*)(A...) const noexcept> : KnownSignature<R (C::*)(A...) const> {};

template <class Wrapped>
struct SignatureOfForward {
  using Type = NoSignature;
};
template <class Wrapped>
  requires requires { &Wrapped::forward; }
struct SignatureOfForward<Wrapped> : KnownSignature<decltype(&Wrapped::forward)> {};
template <class Wrapped>
using SignatureOf = typename SignatureOfForward<Wrapped>::Type;

template <class Wrapped, class... A>
using ResultOf = decltype(std::declval<Wrapped&>().forward(std::declval<A>()...));

// Not part of a function's type, but told by whether it can be called with one argument less.
template <class Wrapped, class Arguments, class Indices>
inline constexpr bool kCallableWithFirst = false;
template <class Wrapped, class Arguments, std::size_t... I>
inline constexpr bool kCallableWithFirst<Wrapped, Arguments, std::index_sequence<I...>> =
    requires(Wrapped& module) { module.forward(std::declval<std::tuple_element_t<I, Arguments>>()...); };

template <class Wrapped, class Signature>
inline constexpr bool kHasDefaultArguments = false;
template <class Wrapped, class R, class C, class A, class... More>
inline constexpr bool kHasDefaultArguments<Wrapped, ForwardSignature<R (C::*)(A, More...)>> =
    kCallableWithFirst<Wrapped, std::tuple<A, More...>, std::make_index_sequence<sizeof...(More)>>;
template <class Wrapped, class R, class C, class A, class... More>
inline constexpr bool kHasDefaultArguments<Wrapped, ForwardSignature<R (C::*)(A, More...) const>> =
    kHasDefaultArguments<Wrapped, ForwardSignature<R (C::*)(A, More...)>>;

// A parameter taken by value reaches the callee as the address of an object of the caller's if its type is not trivial
// (Itanium C++ ABI, 3.1.2.3), else in registers. The slot takes the former by reference: the same machine code, without
// one more move of the object.
template <class T>
inline constexpr bool kPassedByAddress =
    (std::is_class_v<T> || std::is_union_v<T>) &&
    (!std::is_trivially_destructible_v<T> ||
     (std::is_copy_constructible_v<T> && !std::is_trivially_copy_constructible_v<T>) ||
     (std::is_move_constructible_v<T> && !std::is_trivially_move_constructible_v<T>));
template <class T>
inline constexpr bool kPassedInRegisters =
    !(std::is_class_v<T> || std::is_union_v<T>) ||
    (std::is_trivially_copy_constructible_v<T> && std::is_trivially_move_constructible_v<T>);
template <class T>
using Passed = std::conditional_t<kPassedByAddress<T>, T&, T>;

// How an argument is held while hooks may change it: `const T&` as a copy (modules and what cannot be copied as they
// are), everything else in place.
template <class A>
inline constexpr bool kHeldAsCopy = std::is_lvalue_reference_v<A> && std::is_const_v<std::remove_reference_t<A>> &&
                                    std::is_copy_constructible_v<std::remove_cvref_t<A>> &&
                                    !std::is_base_of_v<torch::nn::Module, std::remove_cvref_t<A>>;
template <class A>
using Held = std::conditional_t<kHeldAsCopy<A>, std::remove_cvref_t<A>, std::remove_reference_t<A>&>;

template <class Call>
class CallSite;

// The functions of one forward. Receiver is the class that declares it.
template <class Wrapped, class Self, class Receiver, class R, class... A>
struct Call {
  using Target = std::conditional_t<std::is_const_v<Receiver>, const Wrapped, Wrapped>;
  using Slot = R (*)(Receiver*, Passed<A>...);

  // Called by name: neither the slot again nor a virtual forward's override.
  static R plain(Receiver* receiver, Passed<A>... args) {
    return static_cast<Target*>(receiver)->Wrapped::forward(static_cast<A&&>(args)...);
  }

  static R hooked(Receiver* receiver, Passed<A>... args) {
    auto& self = const_cast<Self&>(static_cast<const Self&>(*receiver));
    const auto hooks = static_cast<const CallSite<Call>&>(self).hooks();
    if (!hooks || hooks->empty()) return plain(receiver, static_cast<Passed<A>&&>(args)...);
    std::tuple<Held<A>...> held(args...);
    HookedCall call(*hooks, self, ValueRef(held));
    const auto forward = [&]<std::size_t... I>(std::index_sequence<I...>) -> R {
      return static_cast<Target*>(receiver)->Wrapped::forward(static_cast<A&&>(std::get<I>(held))...);
    };
    constexpr auto kIndices = std::index_sequence_for<A...>{};
    if constexpr (std::is_void_v<R>) {
      forward(kIndices);
      call.finish(ValueRef());
    } else if constexpr (std::is_reference_v<R>) {
      R output = forward(kIndices);
      call.finish(ValueRef(output));
      return static_cast<R>(output);
    } else {
      std::remove_const_t<R> output = forward(kIndices);
      call.finish(ValueRef(output));
      return output;
    }
  }

  static HookSite::Function plain_function() noexcept {
#ifndef FVHOOKS_SLOT_THUNK
    using Direct = R (*)(Receiver*, A...);
    if constexpr (!std::is_same_v<SignatureOf<Wrapped>, NoSignature> &&
                  (... && (kPassedByAddress<A> || kPassedInRegisters<A>))) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpmf-conversions"
#pragma GCC diagnostic ignored "-Wpedantic"
      return reinterpret_cast<HookSite::Function>((Direct)(&Wrapped::forward));
#pragma GCC diagnostic pop
    } else {
      return reinterpret_cast<HookSite::Function>(&plain);
    }
#else
    return reinterpret_cast<HookSite::Function>(&plain);
#endif
  }
};

// A HookSite whose slot takes the arguments of one forward.
template <class Wrapped, class Self, class Receiver, class R, class... A>
class CallSite<Call<Wrapped, Self, Receiver, R, A...>> : public HookSite {
 public:
  CallSite() noexcept : HookSite(Functions::plain_function(), reinterpret_cast<Function>(&Functions::hooked)) {}
  R call(Receiver& module, std::add_lvalue_reference_t<A>... args) const {
    return reinterpret_cast<typename Functions::Slot>(slot())(std::addressof(module), static_cast<Passed<A>>(args)...);
  }
  using HookSite::hooks;

 protected:
  const CallSite& call_site() const noexcept { return *this; }

 private:
  using Functions = Call<Wrapped, Self, Receiver, R, A...>;
};

}  // namespace fvhooks::internal
