#include "fvhooks/torch/value_ref.h"

#include <ATen/core/Dict.h>
#include <ATen/core/List.h>

#include <string>
#include <vector>

namespace fvhooks::internal {
namespace {

// The containers that a walk is inside of, innermost first: lists and dicts are shared, and may hold themselves.
struct Entered {
  const void* container;
  const Entered* outer;

  bool holds(const void* other) const {
    for (const auto* entered = this; entered; entered = entered->outer)
      if (entered->container == other) return true;
    return false;
  }
};

class IValueWalker {
 public:
  explicit IValueWalker(const LeafVisitor& visit) : visit_(visit) {}

  void walk(c10::IValue& value, const Label& at, const Entered* outer) const {
    if (value.isTensor()) {
      walk_tensor(value, at);
    } else if (value.isList() || value.isTuple() || value.isGenericDict()) {
      const void* const identity = value.internalToPointer();
      if (outer && outer->holds(identity)) return;
      const Entered inside{identity, outer};
      if (value.isList())
        walk_list(value, at, inside);
      else if (value.isTuple())
        walk_tuple(value, at, inside);
      else
        walk_dict(value, at, inside);
    }
  }

 private:
  void walk_tensor(c10::IValue& value, const Label& at) const {
    auto tensor = value.toTensor();
    if (!tensor.defined()) return;
    const auto before = tensor;
    visit_(tensor, at);
    if (!tensor.is_same(before)) value = tensor;
  }

  // Whether the element is another one now.
  bool walk_element(c10::IValue& element, const Label& at, const Entered& inside) const {
    const auto before = element;
    walk(element, at, &inside);
    return !element.is(before);
  }

  // A replaced element goes into a copy: others may hold the same list.
  void walk_list(c10::IValue& value, const Label& at, const Entered& inside) const {
    auto list = value.toList();
    bool copied = false;
    for (std::size_t i = 0; i < list.size(); ++i) {
      c10::IValue element = list.get(i);
      if (!walk_element(element, Label{&at, LabelIndex{static_cast<std::int64_t>(i)}}, inside)) continue;
      if (!std::exchange(copied, true)) list = list.copy();
      list.set(i, element);
    }
    if (copied) value = list;
  }

  void walk_tuple(c10::IValue& value, const Label& at, const Entered& inside) const {
    const auto tuple = value.toTuple();
    std::vector<c10::IValue> elements(tuple->elements().begin(), tuple->elements().end());
    bool changed = false;
    for (std::size_t i = 0; i < elements.size(); ++i)
      changed |= walk_element(elements[i], Label{&at, LabelIndex{static_cast<std::int64_t>(i)}}, inside);
    if (changed) value = c10::ivalue::Tuple::create(std::move(elements));
  }

  void walk_dict(c10::IValue& value, const Label& at, const Entered& inside) const {
    auto dict = value.toGenericDict();
    bool copied = false;
    std::vector<c10::IValue> keys;
    for (const auto& entry : dict) keys.push_back(entry.key());
    for (const auto& key : keys) {
      c10::IValue element = dict.at(key);
      bool changed = false;
      if (key.isString())
        changed = walk_element(element, Label{&at, LabelKey{key.toStringRef()}}, inside);
      else if (key.isInt())
        changed = walk_element(element, Label{&at, LabelIntegerKey{key.toInt()}}, inside);
      if (!changed) continue;
      if (!std::exchange(copied, true)) dict = dict.copy();
      dict.insert_or_assign(key, element);
    }
    if (copied) value = dict;
  }

  const LeafVisitor& visit_;
};

}  // namespace

void walk_ivalue(c10::IValue& value, const Label& at, const LeafVisitor& visit) {
  IValueWalker(visit).walk(value, at, nullptr);
}

}  // namespace fvhooks::internal
