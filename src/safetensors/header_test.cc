#include "safetensors/header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "safetensors/test_files.h"

namespace fvhooks::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Expected<SafetensorsHeader> parse(std::string_view json, std::string_view data) {
  return parse_safetensors_header(as_file(safetensors_text(json, data)));
}

TEST(SafetensorsHeader, ListsTensorsInTheOrderOfTheirData) {
  const auto header = parse(R"({"late":{"dtype":"I16","shape":[1,2],"data_offsets":[4,8]},)"
                            R"("early":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})",
                            "12345678");
  ASSERT_TRUE(header) << header.error().message;
  ASSERT_EQ(header->entries.size(), 2U);
  EXPECT_EQ(header->entries[0].name, "early");
  EXPECT_EQ(header->entries[0].dtype, DType::Float32);
  EXPECT_THAT(header->entries[0].sizes, ElementsAre());
  EXPECT_EQ(header->entries[1].name, "late");
  EXPECT_THAT(header->entries[1].sizes, ElementsAre(1, 2));
  EXPECT_EQ(header->entries[1].offset - header->entries[0].offset, 4U);
  EXPECT_EQ(header->entries[1].bytes, 4U);
}

TEST(SafetensorsHeader, MayBePaddedWithSpacesAndHoldNoTensorAtAll) {
  EXPECT_TRUE(parse("{}   ", ""));
  EXPECT_TRUE(parse(R"({"__metadata__":{}})", ""));
}

TEST(SafetensorsHeader, EmptyTensorsShareAnOffset) {
  const auto header = parse(R"({"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                            R"("a":{"dtype":"F32","shape":[3,0],"data_offsets":[0,0]},)"
                            R"("c":{"dtype":"F64","shape":[0],"data_offsets":[4,4]}})",
                            "1234");
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->entries.size(), 3U);
}

TEST(SafetensorsHeader, PassesOverFieldsThatItDoesNotKnow) {
  EXPECT_TRUE(parse(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"comment":{"x":[1]}}})", "1"));
}

TEST(SafetensorsHeader, ADtypeThatIsNotSupportedIsNamedWithItsTensor) {
  const auto header = parse(R"({"w":{"dtype":"F8_E8M0","shape":[1],"data_offsets":[0,1]}})", "1");
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error().message, R"(tensor "w": dtype "F8_E8M0" is not supported)");
}

TEST(SafetensorsHeader, AHostileNameDoesNotFloodTheMessage) {
  const auto header = parse(R"({")" + std::string(100'000, 'x') + R"(":null})", "");
  ASSERT_FALSE(header);
  EXPECT_LT(header.error().message.size(), 400U);
}

// Where a check is missing, a random cut or a flipped byte sooner or later finds it (under sanitizers, at once).
RC_GTEST_PROP(SafetensorsHeader, ADamagedFileIsRefusedOrStillConsistent, (std::size_t position, std::uint8_t bit)) {
  auto text =
      safetensors_text(R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                       R"("b":{"dtype":"I8","shape":[0,7],"data_offsets":[24,24]}})",
                       std::string(24, 'x'));
  position %= text.size();
  if (*rc::gen::arbitrary<bool>()) {
    text.resize(position);
  } else {
    text[position] = static_cast<char>(text[position] ^ (1 << (bit % 8)));
  }
  const auto header = parse_safetensors_header(as_file(text));
  if (!header) return;
  std::uint64_t end = text.size();
  for (auto entry = header->entries.rbegin(); entry != header->entries.rend(); ++entry) {
    RC_ASSERT(entry->offset + entry->bytes == end);
    end = entry->offset;
  }
}

TEST(SafetensorsHeader, AFileCutAnywhereIsRefused) {
  const auto whole = safetensors_text(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "12345678");
  ASSERT_TRUE(parse_safetensors_header(as_file(whole)));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_safetensors_header(as_file(std::string_view(whole).substr(0, size)))) << size;
}

}  // namespace
}  // namespace fvhooks::internal
