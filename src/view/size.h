#pragma once
// A size in a rule: a number, or a product of the sizes that a tensor has: 12, s1*s2, s2/3*2.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "fvhooks/expected.h"

namespace fvhooks::internal {

class Size {
 public:
  static Expected<Size> parse(std::string_view text);

  std::optional<std::int64_t> number() const;  // if it is one, whatever the tensor
  // sizes: of the tensor. Error: it has too few dimensions, a quotient is no integer, a product is too large.
  Expected<std::int64_t> evaluate(std::span<const std::int64_t> sizes) const;

 private:
  struct Factor {
    bool divides = false;
    std::optional<std::size_t> dimension;  // else:
    std::int64_t number = 0;
  };
  static Expected<Factor> parse_factor(std::string_view text);

  std::vector<Factor> factors_;  // from left to right
};

// A decimal integer, with a minus where it is negative; nullopt: it is none, or too large.
std::optional<std::int64_t> parse_integer(std::string_view text);

}  // namespace fvhooks::internal
