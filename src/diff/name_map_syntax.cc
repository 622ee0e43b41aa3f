#include "diff/name_map_syntax.h"

namespace fvhooks::internal {
namespace {

Expected<RuleSide> parse_side(RuleLine& line) {
  if (!line.at_part()) {
    return Error{"a name is missing behind " + line.shown_so_far() + ": write PORT = REFERENCE, or - for nothing"};
  }
  auto side = line.name();
  if (!side || !line.at_part()) return side;
  if (side->kind == RuleSide::Kind::Root) return Error{"a root has no tensors: write @PORT = @REFERENCE"};
  auto label = line.label();
  if (!label) return label.error();
  side->label = *std::move(label);
  return side;
}

}  // namespace

Expected<std::optional<RuleText>> parse_rule(std::string_view text) {
  RuleLine line(text, "=");
  line.skip_blanks();
  if (line.at_end()) return std::optional<RuleText>();
  auto left = parse_side(line);
  if (!left) return left.error();
  if (!line.take('=')) return Error{"there is no = behind " + line.shown_so_far() + ": write PORT = REFERENCE"};
  auto right = parse_side(line);
  if (!right) return right.error();
  if (!line.at_end()) return Error{"nothing may follow " + line.shown_so_far() + ": quote a name with spaces in it"};
  return std::optional(RuleText{*std::move(left), *std::move(right)});
}

}  // namespace fvhooks::internal
