#pragma once
// Which types ValueRef can walk into, and how a structure names its fields.
#include <concepts>
#include <iterator>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace c10 {
template <class T>
class List;
template <class Key, class Value>
class Dict;
}  // namespace c10

// Names the fields of a structure that a forward takes or returns. Beside the structure, in its namespace.
#define FVHOOKS_FIELDS(Type, ...)                                        \
  template <class Value, class Visit>                                    \
    requires std::same_as<std::remove_cv_t<Value>, Type>                 \
  void fvhooks_visit_fields(Value& fvhooks_value, Visit fvhooks_visit) { \
    FVHOOKS_FOR_EACH(FVHOOKS_VISIT_FIELD, __VA_ARGS__)                   \
  }

#define FVHOOKS_VISIT_FIELD(field) fvhooks_visit(std::string_view(#field), fvhooks_value.field);

// Macro(a) Macro(b) …, for up to 256 arguments: each round of expansion lets the recursion take one more step.
#define FVHOOKS_FOR_EACH(Macro, ...) __VA_OPT__(FVHOOKS_EXPAND(FVHOOKS_FOR_EACH_STEP(Macro, __VA_ARGS__)))
#define FVHOOKS_FOR_EACH_STEP(Macro, first, ...) \
  Macro(first) __VA_OPT__(FVHOOKS_FOR_EACH_AGAIN FVHOOKS_PARENS(Macro, __VA_ARGS__))
#define FVHOOKS_FOR_EACH_AGAIN() FVHOOKS_FOR_EACH_STEP
#define FVHOOKS_PARENS ()
#define FVHOOKS_EXPAND(...) FVHOOKS_EXPAND4(FVHOOKS_EXPAND4(FVHOOKS_EXPAND4(FVHOOKS_EXPAND4(__VA_ARGS__))))
#define FVHOOKS_EXPAND4(...) FVHOOKS_EXPAND3(FVHOOKS_EXPAND3(FVHOOKS_EXPAND3(FVHOOKS_EXPAND3(__VA_ARGS__))))
#define FVHOOKS_EXPAND3(...) FVHOOKS_EXPAND2(FVHOOKS_EXPAND2(FVHOOKS_EXPAND2(FVHOOKS_EXPAND2(__VA_ARGS__))))
#define FVHOOKS_EXPAND2(...) FVHOOKS_EXPAND1(FVHOOKS_EXPAND1(FVHOOKS_EXPAND1(FVHOOKS_EXPAND1(__VA_ARGS__))))
#define FVHOOKS_EXPAND1(...) __VA_ARGS__

namespace fvhooks::internal {

template <class T>
inline constexpr bool kIsC10Container = false;
template <class T>
inline constexpr bool kIsC10Container<c10::List<T>> = true;
template <class Key, class Value>
inline constexpr bool kIsC10Container<c10::Dict<Key, Value>> = true;

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

template <class T>
inline constexpr bool kIsVariant = false;
template <class... T>
inline constexpr bool kIsVariant<std::variant<T...>> = true;

struct IgnoreField {
  template <class Field>
  void operator()(std::string_view, Field&) const {}
};
template <class T>
concept HasFields = requires(T& value) { fvhooks_visit_fields(value, IgnoreField{}); };
template <class T, class Visit>
void for_each_field(T& value, Visit visit) {
  fvhooks_visit_fields(value, visit);
}

template <class T>
concept TupleLike = requires { std::tuple_size<std::remove_cv_t<T>>::value; };

template <class T>
concept Map = requires(T& map) {
  typename T::mapped_type;
  map.begin();
  map.end();
};
template <class T>
concept StringMap = Map<T> && std::convertible_to<const typename T::key_type&, std::string_view>;
template <class T>
concept IntegerMap = Map<T> && (std::integral<typename T::key_type> || std::is_enum_v<typename T::key_type>);

// Of objects that can be referred to: not a string, whose characters are not worth the loop, nor a vector<bool>.
template <class T>
concept Sequence = !Map<T> && requires(T& sequence) {
  requires std::is_lvalue_reference_v<decltype(*std::begin(sequence))>;
  requires std::is_class_v<std::remove_cvref_t<decltype(*std::begin(sequence))>>;
  std::end(sequence);
};

}  // namespace fvhooks::internal
