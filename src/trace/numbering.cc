#include "trace/numbering.h"

#include <functional>

#include "core/run_number.h"

namespace fvhooks::internal {

std::size_t Numbering::Hash::operator()(ModuleNameView name) const noexcept {
  const std::hash<std::string_view> hash;
  return hash(name.module) * 31 + hash(name.root);
}

void Numbering::become_child_if_forked() noexcept {
  if (generation_ == fork_generation()) return;
  generation_ = fork_generation();
  seq_ = 0;
  calls_.clear();
}

std::uint64_t Numbering::next_call(std::string_view root, std::string_view module, std::optional<std::int64_t> step) {
  const std::lock_guard lock(mutex_);
  become_child_if_forked();
  auto found = calls_.find(ModuleNameView(root, module));
  if (found == calls_.end()) {
    found = calls_.emplace(ModuleName{std::string(root), std::string(module)}, Calls{}).first;
  }
  auto& calls = found->second;
  return step ? calls.by_step[*step]++ : calls.outside_steps++;
}

Numbering::Place Numbering::next_record() noexcept {
  const std::lock_guard lock(mutex_);
  become_child_if_forked();
  return {run_number(), seq_++};
}

}  // namespace fvhooks::internal
