#include "trace/base64.h"

#include <array>

namespace fvhooks::internal {
namespace {

constexpr std::uint32_t kNoDigit = std::uint32_t{1} << 24;

using Table = std::array<std::uint32_t, 256>;

// A digit's bits in a group of four, at `shift`; what is no digit sets a bit that no group has.
constexpr Table table(int shift) {
  Table digits{};
  digits.fill(kNoDigit);
  for (std::size_t i = 0; i < kBase64Alphabet.size(); ++i) {
    digits[static_cast<std::uint8_t>(kBase64Alphabet[i])] = static_cast<std::uint32_t>(i) << shift;
  }
  return digits;
}

constexpr std::array<Table, 4> kTables = {table(18), table(12), table(6), table(0)};

std::uint32_t group_at(const char* text) {
  const auto digit = [&](std::size_t i) { return kTables[i][static_cast<std::uint8_t>(text[i])]; };
  return digit(0) | digit(1) | digit(2) | digit(3);
}

// The last group, with its padding in the place of zeros.
std::array<char, 4> padded(std::string_view group) {
  std::array<char, 4> digits = {'A', 'A', 'A', 'A'};
  group.copy(digits.data(), group.find('='));
  return digits;
}

bool has_right_length(std::string_view text, std::size_t count) {
  const auto padding = base64_length(count) / 4 * 3 - count;
  return text.size() == base64_length(count) && text.ends_with(std::string_view("==").substr(0, padding));
}

}  // namespace

bool is_base64(std::string_view text, std::size_t count) noexcept {
  if (!has_right_length(text, count)) return false;
  std::uint32_t seen = 0;
  const auto whole = count / 3 * 4;
  for (std::size_t i = 0; i < whole; ++i) seen |= kTables[3][static_cast<std::uint8_t>(text[i])];
  if (whole != text.size()) seen |= group_at(padded(text.substr(whole)).data());
  return (seen & kNoDigit) == 0;
}

bool decode_base64(std::string_view text, std::span<std::uint8_t> bytes) noexcept {
  if (!has_right_length(text, bytes.size())) return false;
  std::uint32_t seen = 0;
  std::size_t at = 0;
  const char* digits = text.data();
  for (; at + 3 <= bytes.size(); at += 3, digits += 4) {
    const auto group = group_at(digits);
    seen |= group;
    bytes[at] = static_cast<std::uint8_t>(group >> 16);
    bytes[at + 1] = static_cast<std::uint8_t>(group >> 8);
    bytes[at + 2] = static_cast<std::uint8_t>(group);
  }
  if (at != bytes.size()) {
    const auto group = group_at(padded(text.substr(text.size() - 4)).data());
    seen |= group;
    for (int shift = 16; at != bytes.size(); ++at, shift -= 8) bytes[at] = static_cast<std::uint8_t>(group >> shift);
  }
  return (seen & kNoDigit) == 0;
}

}  // namespace fvhooks::internal
