#pragma once
// A value, or why there is none. (std::expected is C++23.)
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace fvhooks {

// One sentence for a person: what was wrong, where, and what to do.
struct Error {
  std::string message;
};

// What the edges (C++ API, Python) throw for an Error.
class Exception : public std::runtime_error {
 public:
  explicit Exception(const Error& error) : std::runtime_error(error.message) {}
  explicit Exception(const std::string& message) : std::runtime_error(message) {}
};

template <class T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by design
  Expected(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }

  const Error& error() const { return std::get<1>(state_); }

  // The value, or throws fvhooks::Exception.
  T value() && {
    if (!has_value()) throw Exception(error());
    return std::get<0>(std::move(state_));
  }

 private:
  std::variant<T, Error> state_;
};

}  // namespace fvhooks
