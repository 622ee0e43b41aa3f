#include "seen_numbers.h"

#include <iterator>

namespace fvtrace {

bool SeenNumbers::insert(std::uint64_t number) {
  auto next = ranges_.upper_bound(number);
  const bool joins_next = next != ranges_.end() && next->first - number == 1;
  if (next != ranges_.begin()) {
    const auto before = std::prev(next);
    if (number <= before->second) return false;
    if (number - before->second == 1) {
      before->second = joins_next ? next->second : number;
      if (joins_next) ranges_.erase(next);
      return true;
    }
  }
  const auto last = joins_next ? next->second : number;
  if (joins_next) ranges_.erase(next);
  ranges_.emplace(number, last);
  return true;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> SeenNumbers::gaps() const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> found;
  for (auto range = ranges_.begin(); range != ranges_.end() && std::next(range) != ranges_.end(); ++range) {
    found.emplace_back(range->second + 1, std::next(range)->first - 1);
  }
  return found;
}

}  // namespace fvtrace
