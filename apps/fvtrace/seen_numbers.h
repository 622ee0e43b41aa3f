#pragma once
// A set of numbers that come nearly in order: memory goes with the gaps, not with the numbers.
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace fvtrace {

class SeenNumbers {
 public:
  bool insert(std::uint64_t number);  // false: it was there
  // Between the least and the greatest: [first, last] of each gap.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps() const;

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;  // first → last, apart from each other
};

}  // namespace fvtrace
