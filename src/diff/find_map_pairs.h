#pragma once
// Which module of the reference each module of the port is.
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "diff/find_map_patterns.h"
#include "diff/find_map_score.h"

namespace fvhooks::internal {

struct Finding {
  enum class Why {
    Unknown,        // nothing could be told
    NoCounterpart,  // the other side has nothing that it could be
    Near,           // the outputs are near, but further apart than rounding takes those of other modules
    Values,         // the outputs agree
    OtherBlocks,    // by the rule that other blocks follow
    Names,          // by shape, order and name
  };
  Why why = Why::Unknown;
  Fit fit;  // except for Unknown and NoCounterpart

  bool is_pair() const noexcept { return why >= Why::Near; }
};

struct Pairing {
  std::vector<Finding> port, reference;  // by place
};

Pairing find_pairs(const ScoredSide& reference, const ScoredSide& port, const std::function<void(double)>& progress);

}  // namespace fvhooks::internal
