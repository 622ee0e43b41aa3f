#pragma once
// Which call of a module this is, and which record of the run.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/fork_safe_mutex.h"

namespace fvhooks::internal {

// Any thread; a forked child counts from 0 again.
class Numbering {
 public:
  struct Place {
    std::uint32_t run;
    std::uint64_t seq;
  };

  // How often `module` of component `root` was entered before in this step. Allocates only where it meets a module or a
  // step for the first time.
  std::uint64_t next_call(std::string_view root, std::string_view module, std::optional<std::int64_t> step);
  Place next_record() noexcept;

 private:
  struct ModuleName {
    std::string root, module;
  };
  struct ModuleNameView {
    std::string_view root, module;
    ModuleNameView(std::string_view r, std::string_view m) : root(r), module(m) {}
    ModuleNameView(const ModuleName& name) : root(name.root), module(name.module) {}  // NOLINT: implicit by design
    bool operator==(const ModuleNameView&) const = default;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(ModuleNameView name) const noexcept;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(ModuleNameView a, ModuleNameView b) const noexcept { return a == b; }
  };
  struct Calls {
    std::uint64_t outside_steps = 0;
    std::unordered_map<std::int64_t, std::uint64_t> by_step;
  };

  void become_child_if_forked() noexcept;

  ForkSafeMutex mutex_;
  std::uint32_t generation_ = fork_generation();
  std::uint64_t seq_ = 0;
  std::unordered_map<ModuleName, Calls, Hash, Equal> calls_;
};

}  // namespace fvhooks::internal
