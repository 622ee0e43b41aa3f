#pragma once
// What a line of a file of views says (docs/view.md).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "fvhooks/expected.h"
#include "names/name_pattern.h"
#include "view/size.h"

namespace fvhooks::internal {

// What the parts of a tensor become, in order.
struct Target {
  std::optional<NameTemplate> module;  // none: the part is not recorded
  std::optional<std::string> label;    // none: that of the tensor
};
struct Calls {
  std::int64_t count;
};
struct Ranks {
  std::int64_t count;
};
using Targets = std::variant<std::vector<Target>, Calls, Ranks>;
std::int64_t count_of(const Targets& targets);

// Dimensions count from 0, from the last if they are negative.
struct Permute {
  std::vector<std::int64_t> order;
};
struct Reshape {
  std::vector<Size> sizes;
};
struct Slice {
  std::int64_t dimension;
  std::optional<Size> from, to;
  std::int64_t step;
};
struct Chunk {  // into equal parts
  std::int64_t dimension;
  Targets into;
};
struct Split {  // into parts of these sizes
  std::int64_t dimension;
  std::vector<Size> sizes;
  Targets into;
};
struct Repeat {  // the whole, several times
  Targets into;
};
using Operation = std::variant<Permute, Reshape, Slice, Chunk, Split, Repeat>;

// Which tensors of a module.
struct LabelPattern {
  std::string text;
  bool is_prefix = false;

  bool means(std::string_view label) const { return is_prefix ? label.starts_with(text) : label == text; }
};

struct ViewRule {
  NameMatcher module;
  std::optional<LabelPattern> label;  // none: every tensor of the module
  std::vector<Operation> operations;
};

// Nothing: the line is blank or a comment. Error: what is wrong and what to do, without file and line.
Expected<std::optional<ViewRule>> parse_view(std::string_view line);

}  // namespace fvhooks::internal
