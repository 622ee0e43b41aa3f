// docs/vectors, which the NumPy oracle made.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cmath>
#include <limits>
#include <string>

#include "stats/sketch_hash.h"
#include "stats/test_tensor.h"

namespace fvhooks {
namespace {

using simdjson::dom::element;

// The parser owns what is returned.
simdjson::dom::array cases(simdjson::dom::parser& parser, const std::string& name) {
  element document = parser.load(std::string(FVHOOKS_SOURCE_DIR) + "/docs/vectors/" + name);
  return document["cases"];
}

std::uint64_t integer(std::string_view text, int base) { return std::stoull(std::string(text), nullptr, base); }
std::uint64_t hexadecimal(element entry, std::string_view key) { return integer(std::string_view(entry[key]), 16); }

test::TestTensor input(element entry) {
  test::TestTensor tensor;
  tensor.dtype = dtype_from_torch_name("torch." + std::string(std::string_view(entry["dtype"]))).value();
  const auto count = static_cast<std::size_t>(std::uint64_t{entry["count"]});
  const std::size_t part_size = item_size(tensor.dtype) / (is_complex(tensor.dtype) ? 2 : 1);
  tensor.bytes.resize(count * item_size(tensor.dtype));
  const auto put = [&](std::size_t part, std::uint64_t bits) {
    std::memcpy(tensor.bytes.data() + part * part_size, &bits, part_size);  // little-endian
  };
  const std::uint64_t seed = integer(std::string_view(entry["seed"]), 10);
  for (std::size_t i = 0; i < tensor.bytes.size() / part_size; ++i) {
    put(i, (internal::mix(seed + i) & hexadecimal(entry, "and")) | hexadecimal(entry, "or"));
  }
  for (const element override : entry["overrides"]) {
    put(std::uint64_t{override.at(0)}, integer(std::string_view(override.at(1)), 16));
  }
  return test::with_sizes(tensor, {static_cast<std::int64_t>(count)});
}

std::string decimal(Int128 value) {
  std::string digits;
  for (Int128 rest = value < 0 ? -value : value; rest > 0; rest /= 10)
    digits += static_cast<char>('0' + int(rest % 10));
  if (digits.empty()) digits = "0";
  if (value < 0) digits += '-';
  return {digits.rbegin(), digits.rend()};
}

void expect_bits(element expected, double found) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double value = 0;
  if (expected.is_string()) {
    const std::string_view word = expected;
    value = word == "NaN" ? std::numeric_limits<double>::quiet_NaN() : word == "Infinity" ? kInfinity : -kInfinity;
  } else {
    value = expected;
  }
  EXPECT_EQ(std::bit_cast<std::uint64_t>(value), std::bit_cast<std::uint64_t>(found)) << value << " and " << found;
}

void expect_text(element expected, const std::string& found) {
  EXPECT_EQ(std::string(std::string_view(expected)), found);
}

TEST(StatisticsVectors, GiveTheirBits) {
  simdjson::dom::parser parser;
  std::size_t count = 0;
  for (const element entry : cases(parser, "statistics.json")) {
    SCOPED_TRACE(std::string(std::string_view(entry["name"])));
    const test::TestTensor tensor = input(entry);
    const TensorStats stats = tensor_stats(tensor.view(), 0, nullptr);
    const element expected = entry["expected"];
    expect_text(expected["count"], std::to_string(stats.count));
    expect_text(expected["nan"], std::to_string(stats.nan));
    expect_text(expected["inf"], std::to_string(stats.inf));
    expect_text(expected["zeros"], std::to_string(stats.zeros));
    expect_bits(expected["mean"], stats.mean);
    expect_bits(expected["abs_mean"], stats.abs_mean);
    expect_bits(expected["std"], stats.std);
    expect_bits(expected["rms"], stats.rms);
    if (stats.integral) {
      expect_text(expected["sum"], decimal(stats.exact_sum));
      expect_text(expected["min"], decimal(stats.exact_min));
      expect_text(expected["max"], decimal(stats.exact_max));
      expect_text(expected["abs_max"], decimal(stats.exact_abs_max));
    } else {
      expect_bits(expected["sum"], stats.sum);
      if (stats.count > 0) {
        expect_bits(expected["min"], stats.min);
        expect_bits(expected["max"], stats.max);
        expect_bits(expected["abs_max"], stats.abs_max);
      }
    }
    ++count;
  }
  EXPECT_GT(count, 60u);
}

// RFC 4648, with padding, for the test alone: the record's own encoder is right of here in the pipeline.
std::string base64(const std::byte* bytes, std::size_t size) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < size; i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < size ? std::to_integer<std::uint32_t>(bytes[i + j]) : 0);
    for (std::size_t j = 0; j < 4; ++j) text += i + j <= size ? kDigits[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

TEST(SketchVectors, GiveTheirBits) {
  simdjson::dom::parser parser;
  std::size_t count = 0;
  for (const element entry : cases(parser, "sketch.json")) {
    SCOPED_TRACE(std::string(std::string_view(entry["name"])));
    const std::string text{std::string_view(entry["sketch"])};
    const int buckets = std::stoi(text.substr(2));
    const Sketch sketch = test::outcome(input(entry), buckets).sketch;
    ASSERT_EQ(sketch.buckets, buckets);
    const auto* bytes = reinterpret_cast<const std::byte*>(sketch.values.data());
    const std::string found = base64(bytes, static_cast<std::size_t>(buckets) * sizeof(float));
    EXPECT_EQ(text, "1:" + std::to_string(buckets) + ":" + found);
    ++count;
  }
  EXPECT_GT(count, 60u);
}

}  // namespace
}  // namespace fvhooks
