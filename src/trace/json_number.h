#pragma once
// A number as it stands in JSON, without loss: integers stay integers as far as 128 bits reach.
#include <optional>
#include <string_view>
#include <variant>

#include "fvhooks/stats.h"

namespace fvhooks::internal {

using JsonNumber = std::variant<double, Int128>;

// Nullopt if `text` is no number in JSON's grammar. Integers beyond 128 bits, and whatever has a point or an exponent,
// become the nearest double: beyond its range infinite, below it zero, as in Python.
std::optional<JsonNumber> parse_json_number(std::string_view text) noexcept;

}  // namespace fvhooks::internal
