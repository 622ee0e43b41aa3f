#include "fvhooks/label.h"

#include <algorithm>
#include <charconv>

#include "core/json_string.h"

namespace fvhooks {
namespace {

bool is_bare(std::string_view name) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_word = [&](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
  };
  // All digits would read like an integer key. So would a minus and digits.
  const auto digits = name.substr(name.starts_with('-') ? 1 : 0);
  return !name.empty() && std::all_of(name.begin(), name.end(), is_word) &&
         !std::all_of(digits.begin(), digits.end(), is_digit);
}

void append_integer(std::string& out, std::int64_t value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

struct PartWriter {
  std::string& out;

  void operator()(std::string_view root) const { out += root; }
  void operator()(LabelIndex index) const {
    out += '[';
    append_integer(out, index.value);
    out += ']';
  }
  void operator()(LabelIntegerKey key) const {
    out += '.';
    append_integer(out, key.value);
  }
  void operator()(LabelKey key) const {
    if (is_bare(key.value)) {
      out += '.';
      out += key.value;
      return;
    }
    out += '[';
    append_json_string(out, key.value);
    out += ']';
  }
};

}  // namespace

void append_label(std::string& out, const Label& label) {
  if (label.parent) append_label(out, *label.parent);
  std::visit(PartWriter{out}, label.part);
}

std::string to_string(const Label& label) {
  std::string text;
  append_label(text, label);
  return text;
}

}  // namespace fvhooks
