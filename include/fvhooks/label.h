#pragma once
// Labels of tensors inside a value: `out`, `out[1].key`, `out["a.b"]` (docs/record.md). A path is linked on the stack
// while a value is walked; its text is built only when a record needs it.
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace fvhooks {

struct LabelIndex {
  std::int64_t value;  // place in a sequence: [3]
};
struct LabelKey {
  std::string_view value;  // string key or field name: .name or ["a.b"]
};
struct LabelIntegerKey {
  std::int64_t value;  // integer key of a mapping: .3
};

struct Label {
  const Label* parent = nullptr;                                               // must outlive this
  std::variant<std::string_view, LabelIndex, LabelKey, LabelIntegerKey> part;  // string_view: a root, `out` or `in`
};

void append_label(std::string& out, const Label& label);
std::string to_string(const Label& label);

}  // namespace fvhooks
