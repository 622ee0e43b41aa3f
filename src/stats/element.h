#pragma once
// Stored numbers to elements, exactly (docs/statistics.md, Elements).
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace fvhooks::internal {

// Stored types that C++ 20 has no name for.
struct Half {
  std::uint16_t bits;
};
struct BrainFloat {
  std::uint16_t bits;
};
struct Float8E4M3FN {
  std::uint8_t bits;
};
struct Float8E5M2 {
  std::uint8_t bits;
};

inline float element(float value) noexcept { return value; }
inline double element(double value) noexcept { return value; }

inline float element(BrainFloat value) noexcept { return std::bit_cast<float>(std::uint32_t{value.bits} << 16); }

inline float element(Half value) noexcept {
  constexpr std::uint32_t kInfinity = 0x7F800000, kHalfInfinity = 0x7C00u << 13;
  const std::uint32_t sign = (value.bits & 0x8000u) << 16;
  const std::uint32_t magnitude = (value.bits & 0x7FFFu) << 13;
  // The exponents' biases differ by 112; the product is exact, and makes subnormal halves normal.
  const auto scaled = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f);
  return std::bit_cast<float>(sign | (magnitude >= kHalfInfinity ? magnitude | kInfinity : scaled));
}

constexpr float two_to(int exponent) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23);
}

template <int kMantissaBits, int kBias>
constexpr float float8(unsigned bits) noexcept {
  constexpr unsigned kMantissa = (1u << kMantissaBits) - 1;
  const float sign = bits & 0x80u ? -1.0f : 1.0f;
  const int exponent = static_cast<int>((bits & 0x7Fu) >> kMantissaBits);
  const auto fraction = static_cast<float>(bits & kMantissa);
  if (exponent == 0) return sign * fraction * two_to(1 - kBias - kMantissaBits);
  return sign * (static_cast<float>(kMantissa + 1) + fraction) * two_to(exponent - kBias - kMantissaBits);
}

inline constexpr auto kFloat8E4M3FN = [] {
  std::array<float, 256> table{};
  for (unsigned bits = 0; bits < 256; ++bits) {
    const bool nan = (bits & 0x7Fu) == 0x7Fu;  // the one NaN of each sign; "fn": there is no infinity
    table[bits] = nan ? std::numeric_limits<float>::quiet_NaN() : float8<3, 7>(bits);
  }
  return table;
}();

inline constexpr auto kFloat8E5M2 = [] {
  std::array<float, 256> table{};
  for (unsigned bits = 0; bits < 256; ++bits) {
    const float infinity =
        bits & 0x80u ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
    const float special = (bits & 3u) == 0 ? infinity : std::numeric_limits<float>::quiet_NaN();
    table[bits] = (bits & 0x7Cu) == 0x7Cu ? special : float8<2, 15>(bits);
  }
  return table;
}();

inline float element(Float8E4M3FN value) noexcept { return kFloat8E4M3FN[value.bits]; }
inline float element(Float8E5M2 value) noexcept { return kFloat8E5M2[value.bits]; }

// sqrt(re² + im²) without overflow or underflow on the way. Not std::hypot: its last bit differs between libraries.
inline double modulus(double re, double im) noexcept {
  re = std::abs(re);
  im = std::abs(im);
  if (std::isinf(re) || std::isinf(im)) return std::numeric_limits<double>::infinity();
  if (std::isnan(re) || std::isnan(im)) return std::numeric_limits<double>::quiet_NaN();
  // frexp's exponent, clamped to [-1021, 1021], is read off the bits.
  const auto biased = static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(re > im ? re : im) >> 52);
  const std::int64_t exponent = biased < 1 ? -1021 : biased > 2043 ? 1021 : biased - 1022;
  const auto power = [](std::int64_t e) { return std::bit_cast<double>(static_cast<std::uint64_t>(e + 1023) << 52); };
  re *= power(-exponent);
  im *= power(-exponent);
  return power(exponent) * std::sqrt(re * re + im * im);
}

}  // namespace fvhooks::internal
