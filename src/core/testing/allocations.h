#pragma once
// Counts what a test's own thread allocates with operator new. Link allocations.cc into the test.
#include <cstddef>

namespace fvhooks::testing {

std::size_t allocations_so_far() noexcept;

template <class Work>
std::size_t allocations_in(Work work) {
  const auto before = allocations_so_far();
  work();
  return allocations_so_far() - before;
}

}  // namespace fvhooks::testing
