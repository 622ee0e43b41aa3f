#pragma once
// The rules of a file of views (FASTVIDEO_TRACE_VIEW, docs/view.md), and those of one module.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fvhooks/expected.h"
#include "view/view_plan.h"

namespace fvhooks::internal {

struct FiledViewRule;

// The rules that match a module. Any thread. Valid as long as the Views are.
class ModuleViews {
 public:
  // What is recorded in place of a tensor of this module; nullopt: the tensor as it is. A rule that cannot be applied
  // is warned of once.
  std::optional<ViewPlan> plan(std::string_view label, std::uint64_t call, std::span<const std::int64_t> sizes,
                               std::span<const std::int64_t> strides) const;

 private:
  friend class Views;
  struct Match {
    const FiledViewRule* rule;
    std::vector<std::string> groups;
  };
  std::string module_;
  std::vector<Match> matches_;  // in the order of the file; not empty
};

class Views {
 public:
  // path: "" is no rules. Lines that are no rules are warned of and skipped. Error: the file cannot be read.
  static Expected<Views> read(const std::string& path);
  static Views parse(std::string_view text, const std::string& path);
  Views(Views&&) noexcept;
  Views& operator=(Views&&) noexcept;
  ~Views();

  // Finds the rules of each module; rules that match none are warned of. Before find, by one thread.
  void match(std::span<const std::string> modules);
  // Null: no rule matches the module, or it was none of those. Any thread.
  const ModuleViews* find(std::string_view module) const noexcept;

 private:
  Views();

  std::vector<std::unique_ptr<const FiledViewRule>> rules_;
  std::map<std::string, ModuleViews, std::less<>> by_module_;
};

}  // namespace fvhooks::internal
