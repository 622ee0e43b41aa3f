#include <algorithm>
#include <utility>

#include "names/rule_line.h"
#include "view/view_rule.h"

namespace fvhooks::internal {
namespace {

using Words = std::vector<std::string_view>;

constexpr std::size_t kMaxDimensions = 64;  // that a tensor of torch can have
constexpr std::int64_t kMaxParts = 1024;

constexpr std::string_view kUsage =
    "write one of: permute DIMENSIONS; reshape SIZES; slice DIMENSION FROM:TO; chunk DIMENSION into TARGETS; "
    "split DIMENSION SIZES into TARGETS; repeat into TARGETS";

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

Expected<std::int64_t> parse_dimension(std::string_view text) {
  const auto dimension = parse_integer(text);
  constexpr auto kLast = static_cast<std::int64_t>(kMaxDimensions);
  if (dimension && -kLast <= *dimension && *dimension < kLast) return *dimension;
  return Error{"\"" + std::string(text) + "\" is no dimension: write 0 for the first, -1 for the last"};
}

// The sizes of reshape and split, of which one may be what is left.
Expected<std::vector<Size>> parse_sizes(std::span<const std::string_view> words) {
  std::vector<Size> sizes;
  bool has_rest = false;
  for (const auto word : words) {
    auto size = Size::parse(word);
    if (!size) return size.error();
    const auto number = size->number();
    if (number && *number < -1) return Error{"there is no size " + std::string(word) + ": write -1 for what is left"};
    if (number == -1 && std::exchange(has_rest, true)) return Error{"only one size can be -1, for what is left"};
    sizes.push_back(*std::move(size));
  }
  return sizes;
}

Expected<Operation> parse_permute(const Words& words) {
  Permute permute;
  for (const auto word : words) {
    const auto dimension = parse_dimension(word);
    if (!dimension) return dimension.error();
    permute.order.push_back(*dimension);
  }
  return Operation(std::move(permute));
}

Expected<Operation> parse_reshape(const Words& words) {
  auto sizes = parse_sizes(words);
  if (!sizes) return sizes.error();
  return Operation(Reshape{*std::move(sizes)});
}

// FROM:TO and FROM:TO:STEP, as in Python, each of which may be left out.
Expected<Operation> parse_slice(const Words& words) {
  const auto range = words[1];
  const auto colon = range.find(':');
  if (colon == std::string_view::npos) {
    return Error{"\"" + std::string(range) + "\" is no range: write FROM:TO, 0:s2/2 for the first half of dimension 2"};
  }
  const auto dimension = parse_dimension(words[0]);
  if (!dimension) return dimension.error();
  Slice slice{*dimension, {}, {}, 1};
  const auto second = std::min(range.find(':', colon + 1), range.size());
  for (const auto& [text, bound] : {std::pair(range.substr(0, colon), &slice.from),
                                    std::pair(range.substr(colon + 1, second - colon - 1), &slice.to)}) {
    if (text.empty()) continue;
    auto size = Size::parse(text);
    if (!size) return size.error();
    *bound = *std::move(size);
  }
  if (second < range.size()) {
    slice.step = parse_integer(range.substr(second + 1)).value_or(0);
    constexpr std::int64_t kMaxStep = std::int64_t{1} << 32;
    if (slice.step < 1 || slice.step > kMaxStep) {
      return Error{"\"" + std::string(range.substr(second + 1)) + "\" is no step: write a number from 1 on"};
    }
  }
  return Operation(std::move(slice));
}

// The words of an operation, without its targets.
struct Form {
  std::string_view name;
  std::size_t least, most;  // words
  bool has_targets;
};
constexpr Form kForms[] = {
    {"permute", 1, kMaxDimensions, false},
    {"reshape", 1, kMaxDimensions, false},
    {"slice", 2, 2, false},
    {"chunk", 1, 1, true},
    {"split", 2, kMaxParts + 1, true},
    {"repeat", 0, 0, true},
};

class ViewParser {
 public:
  explicit ViewParser(std::string_view line) : line_(line, "=,|") {}

  Expected<std::optional<ViewRule>> run() {
    line_.skip_blanks();
    if (line_.at_end()) return std::optional<ViewRule>();
    auto error = read_tensor();
    do {
      if (error) return *error;
      error = read_operation();
    } while (!error && line_.take('|'));
    if (error) return *error;
    if (!line_.at_end()) {
      return Error{"nothing may follow " + line_.shown_so_far() + ": write | between operations, quote unusual names"};
    }
    return std::optional(ViewRule{*std::move(module_), std::move(label_), std::move(operations_)});
  }

 private:
  std::optional<Error> read_tensor();
  std::optional<Error> read_operation();
  Expected<Operation> with_targets(std::string_view name, const Words& words);
  Expected<Targets> parse_targets();
  Expected<Targets> parse_count(std::string_view digits);
  Expected<Target> parse_target(const RuleSide& side);

  RuleLine line_;
  RuleSide side_;
  std::optional<NameMatcher> module_;
  std::optional<LabelPattern> label_;
  std::vector<Operation> operations_;
};

std::optional<Error> ViewParser::read_tensor() {
  if (!line_.at_part()) return Error{"the name of a module is missing: write MODULE TENSOR = OPERATION"};
  auto side = line_.name();
  if (!side) return side.error();
  side_ = *std::move(side);
  if (side_.kind == RuleSide::Kind::Nothing || side_.kind == RuleSide::Kind::Root) {
    return Error{line_.shown_so_far() + " is no module: write MODULE TENSOR = OPERATION"};
  }
  auto matcher = NameMatcher::of(side_);
  if (!matcher) return matcher.error();
  module_ = *std::move(matcher);
  if (line_.at_part()) {
    auto label = line_.label();
    if (!label) return label.error();
    label_ = LabelPattern{*std::move(label)};
    label_->is_prefix = label_->text.ends_with('*');
    if (label_->is_prefix) label_->text.pop_back();
  }
  if (line_.take('=')) return {};
  return Error{"there is no = behind " + line_.shown_so_far() + ": write MODULE TENSOR = OPERATION"};
}

std::optional<Error> ViewParser::read_operation() {
  const auto name = line_.at_part() ? line_.word() : std::string_view();
  const auto* const form = std::ranges::find(kForms, name, &Form::name);
  if (form == std::end(kForms)) {
    const auto what = name.empty() ? "an operation is missing behind " + line_.shown_so_far()
                                   : "there is no operation \"" + std::string(name) + "\"";
    return Error{what + ": " + std::string(kUsage)};
  }
  Words words;
  bool has_targets = false;
  while (line_.at_part() && !has_targets) {
    words.push_back(line_.word());
    has_targets = words.back() == "into";
  }
  if (has_targets) words.pop_back();
  if (words.size() < form->least || words.size() > form->most || has_targets != form->has_targets) {
    return Error{"that is no " + std::string(name) + ": " + std::string(kUsage)};
  }
  auto operation = name == "permute"   ? parse_permute(words)
                   : name == "reshape" ? parse_reshape(words)
                   : name == "slice"   ? parse_slice(words)
                                       : with_targets(name, words);
  if (!operation) return operation.error();
  operations_.push_back(*std::move(operation));
  return {};
}

Expected<Operation> ViewParser::with_targets(std::string_view name, const Words& words) {
  auto targets = parse_targets();
  if (!targets) return targets.error();
  if (name == "repeat") return Operation(Repeat{*std::move(targets)});
  const auto dimension = parse_dimension(words[0]);
  if (!dimension) return dimension.error();
  if (name == "chunk") return Operation(Chunk{*dimension, *std::move(targets)});
  auto sizes = parse_sizes(std::span(words).subspan(1));
  if (!sizes) return sizes.error();
  if (static_cast<std::int64_t>(sizes->size()) != count_of(*targets)) {
    return Error{"a split into " + std::to_string(sizes->size()) + " parts has " + std::to_string(count_of(*targets)) +
                 " targets: write a size for each"};
  }
  return Operation(Split{*dimension, *std::move(sizes), *std::move(targets)});
}

Expected<Targets> ViewParser::parse_targets() {
  std::vector<Target> targets;
  do {
    if (!line_.at_part()) {
      return Error{"a target is missing behind " + line_.shown_so_far() +
                   ": write 2 calls, 2 ranks, or names of modules with commas between them"};
    }
    const auto side = line_.name();
    if (!side) return side.error();
    if (targets.empty() && side->kind == RuleSide::Kind::Pattern && is_number(side->text)) {
      return parse_count(side->text);
    }
    auto target = parse_target(*side);
    if (!target) return target.error();
    targets.push_back(*std::move(target));
    if (static_cast<std::int64_t>(targets.size()) > kMaxParts) return Error{"at most 1024 parts can be made"};
  } while (line_.take(','));
  return Targets(std::move(targets));
}

Expected<Targets> ViewParser::parse_count(std::string_view digits) {
  const auto count = parse_integer(digits).value_or(0);
  if (count < 1 || count > kMaxParts) return Error{"there can be 1 to 1024 parts, not " + std::string(digits)};
  const auto what = line_.at_part() ? line_.word() : std::string_view();
  if (what == "calls") return Targets(Calls{count});
  if (what == "ranks") return Targets(Ranks{count});
  return Error{"write " + std::string(digits) + " calls or " + std::string(digits) +
               " ranks; quote a module's name that is a number"};
}

Expected<Target> ViewParser::parse_target(const RuleSide& side) {
  using Kind = RuleSide::Kind;
  if (side.kind == Kind::Nothing) return Target{};
  if (side.kind == Kind::Expression || side.kind == Kind::Root) {
    return Error{"a target is the name of a module, with the wildcards or groups of the name on the left"};
  }
  auto name = side_.kind == Kind::Expression ? NameTemplate::of_replacement(side, *module_->regex())
                                             : NameTemplate::of_pattern(side);
  if (!name) return name.error();
  if (side_.kind != Kind::Expression && !name->has_wildcards_of(NameTemplate::of_pattern(side_).value())) {
    return Error{"target \"" + side.text +
                 "\" has other wildcards than the name on the left: it needs the same, in order"};
  }
  Target target{*std::move(name), {}};
  if (!line_.at_part()) return target;
  if (!label_ || label_->is_prefix) {
    return Error{"a target names a tensor and the left side does not: name one on both sides, or on neither"};
  }
  auto label = line_.label();
  if (!label) return label.error();
  target.label = *std::move(label);
  return target;
}

}  // namespace

std::int64_t count_of(const Targets& targets) {
  if (const auto* const named = std::get_if<std::vector<Target>>(&targets)) {
    return static_cast<std::int64_t>(named->size());
  }
  const auto* const calls = std::get_if<Calls>(&targets);
  return calls ? calls->count : std::get<Ranks>(targets).count;
}

Expected<std::optional<ViewRule>> parse_view(std::string_view line) { return ViewParser(line).run(); }

}  // namespace fvhooks::internal
