#include "view/views.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "fvhooks/warning.h"
#include "names/rule_file.h"

namespace fvhooks::internal {

struct FiledViewRule {
  ViewRule rule;
  std::string where;  // FILE:LINE
  mutable std::atomic<bool> told = false;

  void warn_once(const std::string& message) const {
    if (!told.exchange(true, std::memory_order_relaxed)) warn(where + ": " + message);
  }
};

namespace {

std::string shape_text(std::span<const std::int64_t> sizes) {
  std::string text;
  for (const auto size : sizes) text.append(text.empty() ? "" : ", ").append(std::to_string(size));
  return "[" + text + "]";
}

// The groups of the rule's pattern; empty: it does not mean the module.
std::vector<std::string> groups_in(const FiledViewRule& rule, const std::string& module) {
  auto groups = rule.rule.module.match(module);
  if (groups) return *std::move(groups);
  rule.warn_once("\"" + module + "\": " + groups.error().message + ". The rule is not applied to it");
  return {};
}

}  // namespace

Views::Views() = default;
Views::Views(Views&&) noexcept = default;
Views& Views::operator=(Views&&) noexcept = default;
Views::~Views() = default;

Expected<Views> Views::read(const std::string& path) {
  if (path.empty()) return Views();
  const auto text = read_rule_file(path);
  if (!text) return Error{"FASTVIDEO_TRACE_VIEW: " + text.error().message};
  return parse(*text, path);
}

Views Views::parse(std::string_view text, const std::string& path) {
  Views views;
  visit_rules(text, path, [&](std::string_view line, const std::string& where) -> std::optional<Error> {
    auto rule = parse_view(line);
    if (!rule) {
      warn(where + ": " + rule.error().message + ". The line is skipped");
    } else if (*rule) {
      views.rules_.emplace_back(new FiledViewRule{**std::move(rule), where});
    }
    return {};
  });
  return views;
}

void Views::match(std::span<const std::string> modules) {
  for (const auto& rule : rules_) {
    bool matches = false;
    for (const auto& module : modules) {
      auto groups = groups_in(*rule, module);
      if (groups.empty()) continue;
      auto& views = by_module_[module];
      views.module_ = module;
      views.matches_.push_back({rule.get(), std::move(groups)});
      matches = true;
    }
    if (!matches) {
      rule->warn_once("the rule matches none of the model's " + std::to_string(modules.size()) +
                      " modules: write a name as a trace without FASTVIDEO_TRACE_VIEW has it");
    }
  }
}

const ModuleViews* Views::find(std::string_view module) const noexcept {
  const auto found = by_module_.find(module);
  return found == by_module_.end() ? nullptr : &found->second;
}

std::optional<ViewPlan> ModuleViews::plan(std::string_view label, std::uint64_t call,
                                          std::span<const std::int64_t> sizes,
                                          std::span<const std::int64_t> strides) const {
  const auto found = std::ranges::find_if(matches_, [&](const Match& match) {
    const auto& wanted = match.rule->rule.label;
    return !wanted || wanted->means(label);
  });
  if (found == matches_.end()) return std::nullopt;
  ViewPart whole;
  whole.layout = {{sizes.begin(), sizes.end()}, {strides.begin(), strides.end()}, 0};
  whole.module = module_;
  whole.label = label;
  whole.call = call;
  auto plan = plan_view(found->rule->rule, found->groups, std::move(whole));
  if (plan) return *std::move(plan);
  found->rule->warn_once("the rule cannot be applied to \"" + module_ + "\" " + std::string(label) + " of shape " +
                         shape_text(sizes) + ": " + plan.error().message + ". It is recorded as it is");
  return std::nullopt;
}

}  // namespace fvhooks::internal
