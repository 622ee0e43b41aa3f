// The hostile files of tests/attacks/safetensors, one rule of the format broken in each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "fvhooks/safetensors.h"

namespace fvhooks {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(FVHOOKS_SOURCE_DIR) / "tests/attacks/safetensors";

// What the refusal must say: a file refused for another reason than its own tests nothing.
const std::map<std::string, std::string> kRefusals = {
    {"empty", "shorter than the 8 bytes"},
    {"shorter_than_length", "shorter than the 8 bytes"},
    {"length_only", "does not begin with {"},
    {"length_beyond_file", "ends inside its header"},
    {"length_beyond_limit", "at most 100000000 are allowed"},
    {"length_all_ones", "at most 100000000 are allowed"},
    {"length_wraps_with_its_own_eight_bytes", "at most 100000000 are allowed"},
    {"header_leading_space", "does not begin with {"},
    {"header_is_a_list", "does not begin with {"},
    {"header_is_not_json", "not a JSON object"},
    {"header_cut", "not a JSON object"},
    {"header_two_values", "not a JSON object"},
    {"header_not_utf8", "not a JSON object"},
    {"header_nested_deeply", "not a JSON object"},
    {"header_nul_after_object", "not a JSON object"},
    {"name_twice", "\"a\" occurs twice"},
    {"name_twice_escaped", "\"a\" occurs twice"},
    {"metadata_twice", "\"__metadata__\" occurs twice"},
    {"metadata_is_a_list", "__metadata__ is not an object"},
    {"metadata_holds_a_number", "\"step\" is not a string"},
    {"metadata_key_twice", "\"k\" occurs twice"},
    {"entry_is_null", "its description is not an object"},
    {"entry_without_dtype", "dtype is missing"},
    {"entry_without_shape", "shape is missing"},
    {"entry_without_offsets", "data_offsets is missing"},
    {"entry_dtype_twice", "dtype occurs twice"},
    {"dtype_unknown", "\"F31\" is not supported"},
    {"dtype_is_a_number", "dtype is not a string"},
    {"shape_is_a_string", "shape is not a list"},
    {"shape_negative", "not a size"},
    {"shape_fraction", "not a size"},
    {"shape_beyond_int64", "not a size"},
    {"shape_beyond_uint64", "not a JSON object"},
    {"shape_overflows", "multiply to more than"},
    {"shape_overflows_to_the_right_size", "multiply to more than"},
    {"shape_bytes_overflow", "multiply to more than"},
    {"shape_overflows_before_a_zero", "multiply to more than"},
    {"shape_larger_than_offsets", "need 12 bytes, data_offsets give 8"},
    {"shape_smaller_than_offsets", "need 4 bytes, data_offsets give 8"},
    {"offsets_reversed", "ends before it begins"},
    {"offsets_one", "not a list of two"},
    {"offsets_three", "not a list of two"},
    {"offsets_negative", "not an offset"},
    {"offsets_text", "not an offset"},
    {"offsets_beyond_file", "the file ends inside its data"},
    {"offsets_near_2_to_64", "leave a hole"},
    {"offsets_into_header", "leave a hole"},
    {"hole_before", "leave a hole"},
    {"hole_between", "leave a hole"},
    {"bytes_after", "1 bytes after the last tensor"},
    {"overlap", "overlap the tensor before"},
    {"same_data_twice", "overlap the tensor before"},
    {"empty_tensor_inside_another", "overlap the tensor before"},
    {"data_cut", "the file ends inside its data"},
};

class SafetensorsAttack : public testing::TestWithParam<std::pair<const std::string, std::string>> {};

TEST_P(SafetensorsAttack, IsRefusedForItsOwnReason) {
  const auto& [name, reason] = GetParam();
  const auto path = kFolder / (name + ".safetensors");
  ASSERT_TRUE(std::filesystem::exists(path));
  const auto file = SafetensorsFile::open(path.string());
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, testing::StartsWith(path.string() + ": "));
  EXPECT_THAT(file.error().message, testing::HasSubstr(reason));
}

INSTANTIATE_TEST_SUITE_P(Of, SafetensorsAttack, testing::ValuesIn(kRefusals.begin(), kRefusals.end()),
                         [](const auto& attack) { return attack.param.first; });

TEST(SafetensorsAttacks, AreAllInTheTable) {
  std::set<std::string> files, tested;
  for (const auto& file : std::filesystem::directory_iterator(kFolder))
    if (file.path().extension() == ".safetensors") files.insert(file.path().stem().string());
  for (const auto& [name, reason] : kRefusals) tested.insert(name);
  EXPECT_EQ(files, tested);
}

}  // namespace
}  // namespace fvhooks
