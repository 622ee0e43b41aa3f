#pragma once
// Which pairs to take: a chain in the order of execution of both sides first, then what is left.
#include <functional>
#include <optional>
#include <vector>

#include "diff/find_map_score.h"

namespace fvhooks::internal {

// The chain, strictly increasing on both sides, with the largest sum of scores: indices into `fits`. Dynamic
// programming over the candidates, in O(n log n) time and O(n) memory.
std::vector<std::size_t> heaviest_chain(const std::vector<Fit>& fits);

// The chain, then the best of what both sides have left, in any order: modules that a port executes in another order.
std::vector<Fit> one_to_one(const std::vector<Fit>& fits);

struct Gap {
  std::vector<std::size_t> reference, port;  // places, increasing
  std::size_t port_end = 0;                  // all before this place of the port
};

// Monotone alignment of two lists by the pairs' scores (Needleman and Wunsch; nothing: no pair), in a band around the
// diagonal where the lists are long.
std::vector<Fit> align(const Gap& gap, const std::function<std::optional<double>(std::size_t, std::size_t)>& score);

}  // namespace fvhooks::internal
