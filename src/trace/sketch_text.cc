#include "trace/sketch_text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>

#include "fvhooks/record.h"
#include "trace/base64.h"
#include "trace/json_format.h"

namespace fvhooks {
namespace internal {
namespace {

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

constexpr std::size_t kMaxBytes = 4 * Sketch::kMaxBuckets;
using SketchBytes = std::array<std::uint8_t, kMaxBytes + 2>;

// How many bytes there are. Behind them stand zeros, as many as base64 reads.
std::size_t store_bytes(const Sketch& sketch, SketchBytes& bytes) {
  const auto count = 4 * static_cast<std::size_t>(sketch.buckets);
  bytes[count] = bytes[count + 1] = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(bytes.data(), sketch.values.data(), count);
    return count;
  }
  for (std::size_t i = 0; i < count / 4; ++i) {
    const auto word = std::bit_cast<std::uint32_t>(sketch.values[i]);
    for (std::size_t byte = 0; byte < 4; ++byte) bytes[4 * i + byte] = static_cast<std::uint8_t>(word >> (8 * byte));
  }
  return count;
}

using DigitPair = std::array<char, 2>;

// Two digits at a time: of every 12 bits, half as many look-ups.
constexpr auto kDigitPairs = [] {
  std::array<DigitPair, 4096> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {kBase64Alphabet[i >> 6], kBase64Alphabet[i & 63]};
  return pairs;
}();

void write_base64(char* out, const std::uint8_t* bytes, std::size_t count) {
  for (std::size_t i = 0; i < count; i += 3, out += 4) {
    const auto group = std::uint32_t{bytes[i]} << 16 | std::uint32_t{bytes[i + 1]} << 8 | bytes[i + 2];
    std::memcpy(out, kDigitPairs[group >> 12].data(), sizeof(DigitPair));
    std::memcpy(out + 2, kDigitPairs[group & 4095].data(), sizeof(DigitPair));
  }
  const std::size_t padding = base64_length(count) / 4 * 3 - count;
  std::fill(out - padding, out, '=');
}

// The floats of `count` bytes, little-endian.
void read_floats(const std::uint8_t* bytes, std::size_t count, Sketch& sketch) {
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(sketch.values.data(), bytes, count);
    return;
  }
  for (std::size_t i = 0; i < count / 4; ++i) {
    std::uint32_t word = 0;
    for (std::size_t byte = 0; byte < 4; ++byte) word |= std::uint32_t{bytes[4 * i + byte]} << (8 * byte);
    sketch.values[i] = std::bit_cast<float>(word);
  }
}

}  // namespace

void append_sketch(std::string& out, const Sketch& sketch) {
  append_json_integer(out, static_cast<std::int64_t>(Sketch::kVersion));
  out += ':';
  append_json_integer(out, static_cast<std::int64_t>(sketch.buckets));
  out += ':';
  SketchBytes bytes;
  const auto count = store_bytes(sketch, bytes);
  const auto start = out.size();
  out.resize(start + base64_length(count));
  write_base64(out.data() + start, bytes.data(), count);
}

bool read_sketch(std::string_view text, Sketch& sketch) {
  sketch.buckets = 0;
  const auto header = read_header(text);
  if (!header) return false;
  std::array<std::uint8_t, kMaxBytes> bytes;
  const auto count = 4 * static_cast<std::size_t>(header->buckets);
  if (!decode_base64(header->base64, {bytes.data(), count})) return false;
  read_floats(bytes.data(), count, sketch);
  sketch.buckets = header->buckets;
  return true;
}

bool is_sketch(std::string_view text) {
  const auto header = read_header(text);
  return header && is_base64(header->base64, 4 * static_cast<std::size_t>(header->buckets));
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
