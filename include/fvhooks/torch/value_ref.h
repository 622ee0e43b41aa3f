#pragma once
// What a hook is shown of a module's arguments or output: a view of a C++ value of any type, which can walk the value's
// tensors, replace them, or hand out the whole value by its exact type.
//
// Walked: Tensor, optional, variant, tuple, pair, array, vector and other sequences, maps with string or integer keys,
// c10::List and c10::Dict, IValue (lists, tuples, dicts), and structures that name their fields:
//     struct Output { torch::Tensor sample; std::optional<torch::Tensor> mask; };
//     FVHOOKS_FIELDS(Output, sample, mask)   // beside the structure, in its namespace
// Any other type has no leaves. An undefined tensor is C++'s None, and no leaf either.
#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>

#include "fvhooks/label.h"
#include "fvhooks/torch/fields.h"

namespace fvhooks {

// Called with each tensor and its label, which lives for the call only. Assigning to the tensor replaces the leaf in
// the value; where the value is constant (see ValueRef) the assignment is lost. A view of a callable, as a
// std::function that neither owns nor allocates.
class LeafVisitor {
 public:
  template <class Visit>
    requires std::invocable<Visit&, at::Tensor&, const Label&> && (!std::same_as<std::remove_cv_t<Visit>, LeafVisitor>)
  LeafVisitor(Visit&& visit) noexcept  // NOLINT: implicit by design
      : visit_(const_cast<void*>(static_cast<const void*>(std::addressof(visit)))),
        call_([](void* object, at::Tensor& tensor, const Label& label) {
          (*static_cast<std::remove_reference_t<Visit>*>(object))(tensor, label);
        }) {}

  void operator()(at::Tensor& tensor, const Label& label) const { call_(visit_, tensor, label); }

 private:
  void* visit_;
  void (*call_)(void*, at::Tensor&, const Label&);
};

namespace internal {

void walk_ivalue(c10::IValue& value, const Label& at, const LeafVisitor& visit);

template <class T>
void walk(T& value, const Label& at, const LeafVisitor& visit);

}  // namespace internal

// Non-owning, two words, passed by value; valid during the call that it was passed to.
class ValueRef {
 public:
  ValueRef() noexcept : ValueRef(nullptr, &kOfVoid) {}  // the output of a forward that returns nothing
  template <class T>
    requires(!std::same_as<std::remove_cv_t<T>, ValueRef>)
  explicit ValueRef(T& value) noexcept : ValueRef(const_cast<std::remove_cv_t<T>*>(std::addressof(value)), &kOf<T>) {}

  const std::type_info& type() const noexcept { return *operations_->type; }

  // The value if it is exactly a T, else null. A constant value (a `const T&` that cannot be copied) is had as const T.
  template <class T>
  T* get() const noexcept {
    const bool same = type() == typeid(T) && (std::is_const_v<T> || !operations_->constant);
    return same ? static_cast<T*>(value_) : nullptr;
  }

  // Elements of a tuple, pair or array, and so the number of arguments; 0 for other types.
  std::size_t size() const noexcept { return operations_->size; }
  // Precondition: i < size().
  ValueRef operator[](std::size_t i) const { return operations_->element(value_, i); }

  // Visits the value's tensors; `root` begins their labels.
  void walk(const Label& root, const LeafVisitor& visit) const { operations_->walk(value_, root, visit); }
  void walk(std::string_view root, const LeafVisitor& visit) const { walk(Label{nullptr, root}, visit); }

 private:
  struct Operations {
    const std::type_info* type;
    bool constant;
    std::size_t size;
    ValueRef (*element)(void* value, std::size_t i);
    void (*walk)(void* value, const Label& at, const LeafVisitor& visit);
  };

  template <class T>
  static constexpr std::size_t size_of() {
    if constexpr (internal::TupleLike<T>) {
      return std::tuple_size_v<std::remove_cv_t<T>>;
    } else {
      return 0;
    }
  }
  template <class T>
  static ValueRef element_of(void* value, std::size_t i) {
    ValueRef element;
    if constexpr (internal::TupleLike<T>) {
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        ((i == I ? void(element = ValueRef(std::get<I>(*static_cast<T*>(value)))) : void()), ...);
      }(std::make_index_sequence<size_of<T>()>{});
    }
    return element;
  }
  template <class T>
  static void walk_of(void* value, const Label& at, const LeafVisitor& visit) {
    internal::walk(*static_cast<T*>(value), at, visit);
  }

  template <class T>
  static constexpr Operations kOf{&typeid(T), std::is_const_v<T>, size_of<T>(), &element_of<T>, &walk_of<T>};
  static constexpr Operations kOfVoid{&typeid(void), false, 0, nullptr, [](void*, const Label&, const LeafVisitor&) {}};

  ValueRef(void* value, const Operations* operations) noexcept : value_(value), operations_(operations) {}

  void* value_;
  const Operations* operations_;
};

namespace internal {

template <class T>
void walk(T& value, const Label& at, const LeafVisitor& visit) {
  using Type = std::remove_cv_t<T>;
  if constexpr (std::is_base_of_v<at::TensorBase, Type> && std::is_const_v<T>) {
    at::Tensor copy(value);
    walk(copy, at, visit);
  } else if constexpr (std::is_same_v<Type, at::Tensor>) {
    if (value.defined()) visit(value, at);
  } else if constexpr (std::is_same_v<Type, c10::IValue>) {
    if constexpr (std::is_const_v<T>) {
      auto copy = value;
      walk_ivalue(copy, at, visit);
    } else {
      walk_ivalue(value, at, visit);
    }
  } else if constexpr (kIsC10Container<Type>) {
    c10::IValue boxed(value);
    walk_ivalue(boxed, at, visit);
    if constexpr (!std::is_const_v<T>) value = boxed.to<Type>();
  } else if constexpr (kIsOptional<Type>) {
    if (value) walk(*value, at, visit);
  } else if constexpr (kIsVariant<Type>) {
    std::visit([&](auto& held) { walk(held, at, visit); }, value);
  } else if constexpr (HasFields<Type>) {
    for_each_field(value, [&](std::string_view name, auto& field) { walk(field, Label{&at, LabelKey{name}}, visit); });
  } else if constexpr (TupleLike<Type>) {
    std::int64_t i = 0;
    std::apply([&](auto&... element) { (walk(element, Label{&at, LabelIndex{i++}}, visit), ...); }, value);
  } else if constexpr (StringMap<Type>) {
    for (auto& [key, element] : value) walk(element, Label{&at, LabelKey{std::string_view(key)}}, visit);
  } else if constexpr (IntegerMap<Type>) {
    for (auto& [key, element] : value)
      walk(element, Label{&at, LabelIntegerKey{static_cast<std::int64_t>(key)}}, visit);
  } else if constexpr (Sequence<Type>) {
    std::int64_t i = 0;
    for (auto& element : value) walk(element, Label{&at, LabelIndex{i++}}, visit);
  }
}

}  // namespace internal
}  // namespace fvhooks
