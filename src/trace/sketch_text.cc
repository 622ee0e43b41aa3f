#include "trace/sketch_text.h"

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "fvhooks/record.h"
#include "trace/json_format.h"

namespace fvhooks {
namespace internal {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 64;

constexpr auto kDigits = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return digits;
}();

// The stored bytes, in order.
std::uint32_t byte_at(const Sketch& sketch, std::size_t i) {
  return (std::bit_cast<std::uint32_t>(sketch.values[i / 4]) >> (8 * (i % 4))) & 0xFF;
}

constexpr std::size_t base64_length(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

// The k of "1:<k>:", and what follows it.
struct Header {
  int buckets = 0;
  std::string_view base64;
};

std::optional<Header> read_header(std::string_view text) {
  for (const auto& [prefix, buckets] :
       {std::pair<std::string_view, int>{"1:64:", 64}, {"1:128:", 128}, {"1:256:", 256}}) {
    if (text.starts_with(prefix)) return Header{buckets, text.substr(prefix.size())};
  }
  return std::nullopt;
}

bool read_base64(std::string_view text, std::size_t bytes, Sketch& sketch) {
  if (text.size() != base64_length(bytes)) return false;
  std::array<std::uint32_t, Sketch::kMaxBuckets> words{};
  const std::size_t padding = base64_length(bytes) / 4 * 3 - bytes;
  if (text.substr(text.size() - padding) != std::string_view("==").substr(0, padding)) return false;
  std::uint32_t bits = 0;
  int held = 0;
  std::size_t byte = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const auto digit = kDigits[static_cast<std::uint8_t>(c)];
    if (digit == kNoDigit) return false;
    bits = bits << 6 | digit;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    words[byte / 4] |= (bits >> held & 0xFF) << (8 * (byte % 4));
    ++byte;
  }
  for (std::size_t i = 0; i < bytes / 4; ++i) sketch.values[i] = std::bit_cast<float>(words[i]);
  return true;
}

}  // namespace

void append_sketch(std::string& out, const Sketch& sketch) {
  append_json_integer(out, static_cast<std::int64_t>(Sketch::kVersion));
  out += ':';
  append_json_integer(out, static_cast<std::int64_t>(sketch.buckets));
  out += ':';
  const auto bytes = 4 * static_cast<std::size_t>(sketch.buckets);
  for (std::size_t i = 0; i < bytes; i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = i; j < i + 3; ++j) group = group << 8 | (j < bytes ? byte_at(sketch, j) : 0);
    for (std::size_t j = 0; j < 4; ++j) {
      out += i + j > bytes ? '=' : kAlphabet[group >> (18 - 6 * j) & 63];
    }
  }
}

bool read_sketch(std::string_view text, Sketch& sketch) {
  sketch.buckets = 0;
  const auto header = read_header(text);
  if (!header || !read_base64(header->base64, 4 * static_cast<std::size_t>(header->buckets), sketch)) return false;
  sketch.buckets = header->buckets;
  return true;
}

}  // namespace internal

std::string encode_sketch(const Sketch& sketch) {
  std::string text;
  internal::append_sketch(text, sketch);
  return text;
}

std::optional<Sketch> decode_sketch(std::string_view text) {
  Sketch sketch;
  if (!internal::read_sketch(text, sketch)) return std::nullopt;
  return sketch;
}

}  // namespace fvhooks
