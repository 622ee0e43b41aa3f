#include "trace/base64.h"

#include <array>
#include <bit>
#include <cstring>

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

std::uint32_t big_endian(std::uint32_t word) {
  return std::endian::native == std::endian::little ? __builtin_bswap32(word) : word;
}

// Sixteen bytes in a register, in the compiler's own words.
using Bytes = std::uint8_t __attribute__((vector_size(16)));

Bytes is_in_range(Bytes bytes, std::uint8_t first, std::uint8_t last) {
  return std::bit_cast<Bytes>(bytes - first <= static_cast<std::uint8_t>(last - first));  // those below wrap around
}

bool are_digits(std::string_view text) {
  Bytes all = std::bit_cast<Bytes>(Bytes{} == 0);
  std::size_t at = 0;
  for (; at + sizeof all <= text.size(); at += sizeof all) {
    Bytes bytes;
    std::memcpy(&bytes, text.data() + at, sizeof bytes);
    const auto is_letter =
        is_in_range(bytes | 0x20, 'a', 'z');  // 0x20 makes capitals small, and letters of nothing else
    all &= is_letter | is_in_range(bytes, '/', '9') | std::bit_cast<Bytes>(bytes == '+');
  }
  std::uint32_t seen = 0;
  for (; at < text.size(); ++at) seen |= kTables[3][static_cast<std::uint8_t>(text[at])];
  const auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(all);
  return (halves[0] & halves[1]) == ~std::uint64_t{0} && (seen & kNoDigit) == 0;
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
  const auto whole = count / 3 * 4;
  if (!are_digits(text.substr(0, whole))) return false;
  return whole == text.size() || (group_at(padded(text.substr(whole)).data()) & kNoDigit) == 0;
}

bool decode_base64(std::string_view text, std::span<std::uint8_t> bytes) noexcept {
  if (!has_right_length(text, bytes.size())) return false;
  std::uint32_t seen = 0;
  std::size_t at = 0;
  const char* digits = text.data();
  for (; at + 4 <= bytes.size(); at += 3, digits += 4) {
    const auto group = group_at(digits);
    seen |= group;
    const auto word = big_endian(group << 8);  // the fourth byte is the next group's to write
    std::memcpy(bytes.data() + at, &word, sizeof word);
  }
  if (at != bytes.size()) {
    const auto group = group_at(padded(text.substr(text.size() - 4)).data());
    seen |= group;
    for (int shift = 16; at != bytes.size(); ++at, shift -= 8) bytes[at] = static_cast<std::uint8_t>(group >> shift);
  }
  return (seen & kNoDigit) == 0;
}

}  // namespace fvhooks::internal
