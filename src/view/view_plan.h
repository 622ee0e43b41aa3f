#pragma once
// What a rule makes of a tensor of some sizes and strides.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "view/layout.h"
#include "view/view_rule.h"

namespace fvhooks::internal {

// The elements of a tensor that no strides say in the order asked for, one after the other.
struct ViewCopy {
  std::size_t source;  // 0: the tensor itself; i: the i-th copy, counted from 1
  Layout layout;       // in it
};

// What is recorded in the tensor's place.
struct ViewPart {
  std::size_t source = 0;  // as of a copy
  Layout layout;
  std::string module, label;
  std::uint64_t call = 0;
  std::optional<std::int64_t> rank;  // none: the process's
};

struct ViewPlan {
  std::vector<ViewCopy> copies;  // in the order in which they are made
  std::vector<ViewPart> parts;   // in the order of their targets
};

// groups: of the rule's pattern, in the module's name. Error: which operation cannot be applied, and why.
Expected<ViewPlan> plan_view(const ViewRule& rule, const std::vector<std::string>& groups, ViewPart whole);

}  // namespace fvhooks::internal
