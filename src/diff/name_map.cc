#include "fvhooks/name_map.h"

#include <limits>
#include <unordered_map>

#include "diff/name_map_syntax.h"
#include "names/name_pattern.h"
#include "names/rule_file.h"

namespace fvhooks {
namespace {

using internal::NameMatcher;
using internal::NameTemplate;
using internal::RuleSide;
using Kind = RuleSide::Kind;

// The side that is read, and what it becomes.
struct Rule {
  std::string where;  // FILE:LINE
  NameMatcher from;
  std::optional<std::string> from_label;
  std::optional<NameTemplate> to;  // none: there is no counterpart
  std::optional<std::string> to_label;
  bool used = false;

  bool means(const std::optional<std::string_view>& tensor) const { return !from_label || from_label == tensor; }
};

struct RootRule {
  std::string where, from, to;
  bool used = false;
};

// Rules of one kind; the first that matches counts.
class RuleList {
 public:
  void add(Rule rule) {
    auto& places = rule.from.is_one_name() ? by_name_[rule.from.name()] : patterns_;
    places.push_back(rules_.size());
    rules_.push_back(std::move(rule));
  }

  // Null: none.
  Rule* find(std::string_view module, const std::optional<std::string_view>& tensor, std::vector<std::string>& groups) {
    const auto exact = first_of_one_name(module, tensor);
    for (const auto place : patterns_) {
      if (place >= exact) break;
      auto& rule = rules_[place];
      if (!rule.means(tensor)) continue;
      auto found = rule.from.match(module);
      if (!found) {
        if (gave_up_.empty()) gave_up_ = rule.where + ": " + found.error().message;
      } else if (!found->empty()) {
        groups = *std::move(found);
        return &rule;
      }
    }
    if (exact == kNone) return nullptr;
    groups = {std::string(module)};
    return &rules_[exact];
  }

  void append_warnings(std::vector<std::string>& warnings, std::string_view side) const {
    if (!gave_up_.empty()) warnings.push_back(gave_up_);
    for (const auto& rule : rules_) {
      if (!rule.used) warnings.push_back(rule.where + ": the rule matches nothing in the " + std::string(side));
    }
  }

 private:
  static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

  std::size_t first_of_one_name(std::string_view module, const std::optional<std::string_view>& tensor) const {
    const auto found = by_name_.find(std::string(module));
    if (found == by_name_.end()) return kNone;
    for (const auto place : found->second) {
      if (rules_[place].means(tensor)) return place;
    }
    return kNone;
  }

  std::vector<Rule> rules_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_name_;
  std::vector<std::size_t> patterns_;
  std::string gave_up_;  // the first time that an expression did not come to an end
};

}  // namespace

struct NameMap::Rules {
  RuleList port;       // from the port's names
  RuleList reference;  // what the port has no counterpart of
  std::vector<RootRule> roots;
  std::vector<std::string> other_way;

  // Error: without file and line.
  std::optional<Error> add(const RuleSide& port_side, const RuleSide& reference_side, const std::string& where);

 private:
  std::optional<Error> add_renaming(const RuleSide& from, const RuleSide& to, const std::string& where);
};

std::optional<Error> NameMap::Rules::add(const RuleSide& port_side, const RuleSide& reference_side,
                                         const std::string& where) {
  const auto both_or_one = [&](Kind kind) { return int{port_side.kind == kind} + int{reference_side.kind == kind}; };
  if (both_or_one(Kind::Root) == 1) return Error{"a root becomes a root: write @PORT = @REFERENCE"};
  if (both_or_one(Kind::Root) == 2) {
    roots.push_back({where, port_side.text, reference_side.text});
    return {};
  }
  if (both_or_one(Kind::Nothing) == 2) return Error{"a rule needs a name on one side of its ="};
  if (both_or_one(Kind::Expression) == 2) {
    return Error{"only one side can be a regular expression: write the other with \\1, \\2, … for its groups"};
  }
  if (both_or_one(Kind::Nothing) == 1) {
    const bool is_of_port = reference_side.kind == Kind::Nothing;
    const auto& side = is_of_port ? port_side : reference_side;
    auto matcher = NameMatcher::of(side);
    if (!matcher) return matcher.error();
    (is_of_port ? port : reference).add({where, *std::move(matcher), side.label, {}, {}});
    return {};
  }
  if (port_side.label.has_value() != reference_side.label.has_value()) {
    return Error{"one side names a tensor and the other does not: name one on both, or on neither"};
  }
  if (reference_side.kind == Kind::Expression) {
    // Of use in the other direction; it must be right all the same.
    Rules reversed;
    if (auto error = reversed.add_renaming(reference_side, port_side, where)) return error;
    other_way.push_back(where + ": left out, because a regular expression reads one way only (docs/map.md: both ways)");
    return {};
  }
  return add_renaming(port_side, reference_side, where);
}

std::optional<Error> NameMap::Rules::add_renaming(const RuleSide& from, const RuleSide& to, const std::string& where) {
  auto matcher = NameMatcher::of(from);
  if (!matcher) return matcher.error();
  auto name = from.kind == Kind::Expression ? NameTemplate::of_replacement(to, *matcher->regex())
                                            : NameTemplate::of_pattern(to);
  if (!name) return name.error();
  if (from.kind != Kind::Expression) {
    const auto own = NameTemplate::of_pattern(from);
    if (!own) return own.error();
    if (!name->has_wildcards_of(*own)) {
      return Error{"the two sides have other wildcards: each * or ** on one side needs its own on the other, in order"};
    }
  }
  port.add({where, *std::move(matcher), from.label, *std::move(name), to.label});
  return {};
}

NameMap::NameMap(std::unique_ptr<Rules> rules) : rules_(std::move(rules)) {}
NameMap::NameMap(NameMap&&) noexcept = default;
NameMap& NameMap::operator=(NameMap&&) noexcept = default;
NameMap::~NameMap() = default;

Expected<NameMap> NameMap::parse(std::string_view text, const std::string& path, MapDirection direction) {
  auto rules = std::make_unique<Rules>();
  const auto error = internal::visit_rules(text, path, [&](auto line, const auto& where) -> std::optional<Error> {
    const auto rule = internal::parse_rule(line);
    if (!rule) return rule.error();
    if (!*rule) return {};
    const auto& [left, right] = **rule;
    const bool is_forward = direction == MapDirection::PortToReference;
    return rules->add(is_forward ? left : right, is_forward ? right : left, where);
  });
  if (error) return *error;
  return NameMap(std::move(rules));
}

Expected<NameMap> NameMap::read(const std::string& path, MapDirection direction) {
  const auto text = internal::read_rule_file(path);
  if (!text) return text.error();
  return parse(*text, path, direction);
}

std::optional<TensorName> NameMap::to_reference(std::string_view module, std::string_view tensor) const {
  std::vector<std::string> groups;
  auto* const rule = rules_->port.find(module, tensor, groups);
  if (!rule) return TensorName{std::string(module), std::string(tensor)};
  rule->used = true;
  if (!rule->to) return std::nullopt;
  return TensorName{rule->to->expand(groups), rule->to_label ? *rule->to_label : std::string(tensor)};
}

std::string NameMap::to_reference(std::string_view module) const {
  std::vector<std::string> groups;
  const auto* const rule = rules_->port.find(module, std::nullopt, groups);
  return rule && rule->to ? rule->to->expand(groups) : std::string(module);
}

std::string NameMap::root_to_reference(std::string_view root) const {
  for (auto& rule : rules_->roots) {
    if (rule.from != root) continue;
    rule.used = true;
    return rule.to;
  }
  return std::string(root);
}

bool NameMap::is_missing_in_port(std::string_view module, std::string_view tensor) const {
  std::vector<std::string> groups;
  auto* const rule = rules_->reference.find(module, tensor, groups);
  if (!rule) return false;
  rule->used = true;
  return true;
}

std::vector<std::string> NameMap::warnings() const {
  auto warnings = rules_->other_way;
  rules_->port.append_warnings(warnings, "port");
  rules_->reference.append_warnings(warnings, "reference");
  for (const auto& rule : rules_->roots) {
    if (!rule.used) warnings.push_back(rule.where + ": the port has no root \"" + rule.from + "\"");
  }
  return warnings;
}

}  // namespace fvhooks
