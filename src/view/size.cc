#include "view/size.h"

#include <charconv>
#include <string>

namespace fvhooks::internal {

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Expected<Size::Factor> Size::parse_factor(std::string_view text) {
  const bool is_dimension = text.starts_with('s');
  const auto digits = text.substr(is_dimension ? 1 : 0);
  const auto number = parse_integer(digits);
  if (!number || (digits.starts_with('-') && is_dimension)) {
    return Error{"\"" + std::string(text) + "\" is no size: write a number, s2 for the size of dimension 2, or a " +
                 "product or quotient of these, s1*s2 or s2/4, without blanks"};
  }
  if (is_dimension) return Factor{false, static_cast<std::size_t>(*number), 0};
  return Factor{false, std::nullopt, *number};
}

Expected<Size> Size::parse(std::string_view text) {
  Size size;
  for (bool divides = false;;) {
    const auto end = text.find_first_of("*/");
    auto factor = parse_factor(text.substr(0, end));
    if (!factor) return factor.error();
    factor->divides = divides;
    size.factors_.push_back(*factor);
    if (end == std::string_view::npos) break;
    divides = text[end] == '/';
    text.remove_prefix(end + 1);
  }
  for (const auto& factor : size.factors_) {
    if (size.factors_.size() > 1 && !factor.dimension && factor.number < 1) {
      return Error{"in a product or quotient stand numbers from 1 on, not " + std::to_string(factor.number)};
    }
  }
  return size;
}

std::optional<std::int64_t> Size::number() const {
  if (factors_.size() != 1 || factors_.front().dimension) return std::nullopt;
  return factors_.front().number;
}

Expected<std::int64_t> Size::evaluate(std::span<const std::int64_t> sizes) const {
  std::int64_t value = 1;
  for (const auto& [divides, dimension, number] : factors_) {
    if (dimension && *dimension >= sizes.size()) {
      return Error{"there is no dimension for s" + std::to_string(*dimension)};
    }
    const auto factor = dimension ? sizes[*dimension] : number;
    if (!divides) {
      if (__builtin_mul_overflow(value, factor, &value)) return Error{"the product of sizes is too large"};
    } else if (factor == 0 || value % factor != 0) {
      return Error{std::to_string(value) + " cannot be divided by " + std::to_string(factor)};
    } else {
      value /= factor;
    }
  }
  return value;
}

}  // namespace fvhooks::internal
