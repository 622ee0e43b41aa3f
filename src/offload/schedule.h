#pragma once
// Which block comes next, learnt from what came next before.
#include <cstddef>
#include <optional>
#include <vector>

namespace fvhooks::internal {

// Remembers the last successor of each block. Until one is known it is the next in number, and the first after the
// last: models mostly run in order. A skipped or repeated block costs one wrong guess, and is right the next time
// round.
class Schedule {
 public:
  explicit Schedule(std::size_t blocks) : successor_(blocks) {
    for (std::size_t i = 0; i < blocks; ++i) successor_[i] = (i + 1) % blocks;
  }

  void observe(std::size_t block) {
    if (last_ && *last_ != block) successor_[*last_] = block;
    last_ = block;
  }

  std::size_t after(std::size_t block) const { return successor_[block]; }

  // The blocks expected after `block`, nearest first, each once; the walk ends where it would go in a circle.
  template <class Visit>
  void ahead_of(std::size_t block, Visit visit) const {
    std::vector<bool> seen(successor_.size(), false);
    seen[block] = true;
    for (auto next = after(block); !seen[next]; next = after(next)) {
      seen[next] = true;
      if (!visit(next)) return;
    }
  }

 private:
  std::vector<std::size_t> successor_;
  std::optional<std::size_t> last_;
};

}  // namespace fvhooks::internal
