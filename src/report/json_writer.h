#pragma once
// Builds one JSON text; a comma comes before every member but the first of its object or array.
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/json_string.h"

namespace fvhooks::internal {

class JsonWriter {
 public:
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  void key(std::string_view name) {
    separate();
    append_json_string(text_, name);
    text_ += ':';
    is_first_ = true;
  }
  void value(std::string_view text) {
    separate();
    append_json_string(text_, text);
  }
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(const char* text) { value(std::string_view(text)); }
  void value(bool flag) {
    separate();
    text_ += flag ? "true" : "false";
  }
  // Non-finite numbers are strings, as in the record.
  void value(double number) {
    if (std::isnan(number)) return value(std::string_view("NaN"));
    if (std::isinf(number)) return value(std::string_view(number < 0 ? "-Infinity" : "Infinity"));
    number_text(number);
  }
  void value(std::uint64_t number) { number_text(number); }
  void value(std::int64_t number) { number_text(number); }
  void value(std::nullopt_t) {
    separate();
    text_ += "null";
  }
  template <class T>
  void value(const std::optional<T>& optional) {
    if (optional) return value(*optional);
    value(std::nullopt);
  }
  template <class T>
  void member(std::string_view name, const T& content) {
    key(name);
    value(content);
  }
  std::string take() { return std::exchange(text_, {}); }

 private:
  template <class T>
  void number_text(T number) {
    separate();
    std::array<char, 40> digits{};
    text_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
  }
  void open(char bracket) {
    separate();
    text_ += bracket;
    is_first_ = true;
  }
  void close(char bracket) {
    text_ += bracket;
    is_first_ = false;
  }
  void separate() {
    if (!is_first_) text_ += ',';
    is_first_ = false;
  }

  std::string text_;
  bool is_first_ = true;
};

}  // namespace fvhooks::internal
