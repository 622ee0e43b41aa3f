#include "trace/plain_line.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace fvhooks::internal {
namespace {

constexpr std::size_t kMaxMembers = 64;
constexpr std::size_t kMaxNested = 64;  // elements of a list

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

// The first character at or behind `from` that is no digit. Eight at a time: most numbers have sixteen.
const char* end_of_digits(const char* from) {
  constexpr std::uint64_t kZeros = 0x3030303030303030, kAboveNine = 0x7676767676767676, kTops = 0x8080808080808080;
  while (true) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, from, sizeof bytes);
    const auto values = bytes ^ kZeros;
    const auto stops = ((values + kAboveNine) | values) & kTops;  // a carry spoils only what is behind the first stop
    if (stops != 0) return from + std::countr_zero(stops) / 8;
    from += sizeof bytes;
  }
}

// Sixteen bytes in a register, in the compiler's own words: SSE2 and NEON have such registers on every machine.
using Bytes = std::uint8_t __attribute__((vector_size(16)));

// Which of them, or 16 if all are false; a true one is 0xFF.
std::size_t first_true(Bytes which) {
  static_assert(std::endian::native == std::endian::little);
  const auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(which);
  if (halves[0] != 0) return static_cast<std::size_t>(std::countr_zero(halves[0])) / 8;
  return 8 + static_cast<std::size_t>(std::countr_zero(halves[1])) / 8;
}

// A bit for each of 32 bytes: whether it is no digit.
std::uint32_t non_digits(const char* from) {
#ifdef __SSE2__
  using SignedBytes = char __attribute__((vector_size(16)));
  std::uint32_t bits = 0;
  for (unsigned half = 0; half < 2; ++half) {
    Bytes bytes;
    std::memcpy(&bytes, from + half * sizeof bytes, sizeof bytes);
    const auto is_other = std::bit_cast<SignedBytes>(bytes - '0' > 9);  // those below wrap around
    bits |= static_cast<std::uint32_t>(__builtin_ia32_pmovmskb128(is_other)) << (half * sizeof bytes);
  }
  return bits;
#else
  std::uint32_t bits = 0;
  for (unsigned i = 0; i < 32; ++i) bits |= static_cast<std::uint32_t>(!is_digit(from[i])) << i;
  return bits;
#endif
}

// Of digits, a point and digits, which most numbers are; 0 if there is something else. Digit by digit their lengths,
// which no branch predictor foresees, take longer than all the rest of a line.
std::size_t usual_float_length(const char* from) {
  const auto others = non_digits(from);
  const auto behind_point = others & (others - 1);
  const auto point = static_cast<std::size_t>(std::countr_zero(others));
  const auto end = static_cast<std::size_t>(std::countr_zero(behind_point));
  const bool is_usual = (point != 0) & (end < 32) & (end > point + 1) & (from[point & 31] == '.') &
                        ((from[end & 31] | 0x20) != 'e') & ((from[0] != '0') | (point == 1));
  return is_usual ? end : 0;
}

// The first character at or behind `from` that is no printable ASCII, a quote or a backslash. Reads on past the end,
// where the zeros behind a line stop it.
const char* end_of_plain_text(const char* from) {
  while (true) {
    Bytes bytes;
    std::memcpy(&bytes, from, sizeof bytes);
    const auto is_unprintable = bytes - 0x20 > 0x7E - 0x20;  // those below wrap around
    const auto stops = is_unprintable | (bytes == '"') | (bytes == '\\');
    const auto found = first_true(std::bit_cast<Bytes>(stops));
    if (found != sizeof bytes) return from + found;
    from += sizeof bytes;
  }
}

class Splitter {
 public:
  Splitter(std::string_view line, std::vector<ExpectedKey>& expected, std::vector<PlainMember>& members)
      : at_(line.data()), end_(line.data() + line.size()), expected_(expected), members_(members) {}

  bool split() {
    members_.clear();
    skip_spaces();
    if (!take('{')) return false;
    do {
      skip_spaces();
      PlainMember member;
      if (!expected_key(member.key) && !key(member.key)) return false;
      skip_spaces();
      if (!value(member.value) || members_.size() == kMaxMembers) return false;
      members_.push_back(member);
      skip_spaces();
    } while (take(','));
    if (!take('}')) return false;
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\r' || *at_ == '\t')) ++at_;
    return at_ == end_;
  }

 private:
  // The byte behind the line is readable, and stops every rule: a newline or a zero.
  void skip_spaces() {
    while (*at_ == ' ') ++at_;
  }
  bool take(char c) {
    if (*at_ != c || at_ == end_) return false;
    ++at_;
    return true;
  }

  bool expected_key(std::string_view& text) {
    if (members_.size() >= expected_.size()) return false;
    const auto& expected = expected_[members_.size()];
    if (!expected.begins(at_)) return false;
    text = {at_ + 1, expected.size() - 3};
    at_ += expected.size();
    return true;
  }
  // With its colon; expected at this place in the next line.
  bool key(std::string_view& text) {
    const char* begin = at_;
    if (!string(text)) return false;
    text = text.substr(1, text.size() - 2);
    skip_spaces();
    if (!take(':')) return false;
    expected_.resize(std::max(expected_.size(), members_.size() + 1));
    expected_[members_.size()] = ExpectedKey({begin, at_}, text);
    return true;
  }

  bool string(std::string_view& text) {
    const char* begin = at_;
    if (!take('"')) return false;
    at_ = end_of_plain_text(at_);
    if (at_ >= end_ || *at_ != '"') return false;
    ++at_;
    text = {begin, at_};
    return true;
  }

  bool word(std::string_view expected) {
    if (!std::string_view(at_, end_).starts_with(expected)) return false;
    at_ += expected.size();
    return true;
  }

  bool digits() {
    const char* begin = at_;
    at_ = end_of_digits(at_);
    return at_ != begin;
  }

  bool number() {
    if (*at_ == '-') ++at_;
    if (const auto length = usual_float_length(at_)) {
      at_ += length;
      return true;
    }
    if (*at_ == 'I') return word("Infinity");
    const bool has_leading_zero = *at_ == '0' && is_digit(at_[1]);
    if (has_leading_zero || !digits()) return false;
    if (*at_ == '.') {
      ++at_;
      if (!digits()) return false;
    }
    if (*at_ == 'e' || *at_ == 'E') {
      ++at_;
      if (*at_ == '+' || *at_ == '-') ++at_;
      if (!digits()) return false;
    }
    return true;
  }

  bool list() {
    ++at_;
    skip_spaces();
    if (take(']')) return true;
    std::size_t count = 0;
    do {
      skip_spaces();
      if (!number() || ++count == kMaxNested) return false;
      skip_spaces();
    } while (take(','));
    return take(']');
  }

  bool value(std::string_view& text) {
    if (*at_ == '"') return string(text);
    const char* begin = at_;
    const bool is_plain = *at_ == '[' ? list() : scalar();
    text = {begin, at_};
    return is_plain && at_ <= end_;
  }

  bool scalar() {
    switch (*at_) {
      case 'n':
        return word("null");
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'N':
        return word("NaN");
      default:
        return number();
    }
  }

  const char* at_;
  const char* end_;
  std::vector<ExpectedKey>& expected_;
  std::vector<PlainMember>& members_;
};

}  // namespace

ExpectedKey::ExpectedKey(std::string_view text, std::string_view key) {
  const bool is_written_tightly = text.size() == key.size() + 3;
  if (!is_written_tightly || text.size() > sizeof words_) return;
  std::array<std::uint8_t, sizeof words_> mask{};
  std::memset(mask.data(), 0xFF, text.size());
  std::memcpy(masks_.data(), mask.data(), sizeof masks_);
  std::memcpy(words_.data(), text.data(), text.size());
  size_ = text.size();
}

bool ExpectedKey::begins(const char* text) const noexcept {
  std::array<std::uint64_t, 2> words;
  std::memcpy(words.data(), text, sizeof words);
  return size_ != 0 && (((words[0] ^ words_[0]) & masks_[0]) | ((words[1] ^ words_[1]) & masks_[1])) == 0;
}

bool PlainLineSplitter::split(std::string_view line, std::vector<PlainMember>& members) {
  return Splitter(line, expected_, members).split();
}

}  // namespace fvhooks::internal
