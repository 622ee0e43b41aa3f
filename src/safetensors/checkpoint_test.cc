#include "fvhooks/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "safetensors/test_files.h"

namespace fvhooks {
namespace {

using ::testing::HasSubstr;

std::string one_tensor(const std::string& name, const std::string& bytes) {
  return safetensors_text(R"({")" + name + R"(":{"dtype":"U8","shape":[)" + std::to_string(bytes.size()) +
                              R"(],"data_offsets":[0,)" + std::to_string(bytes.size()) + "]}}",
                          bytes);
}

std::string bytes_of(const Checkpoint& checkpoint, std::string_view name) {
  const auto* place = checkpoint.find(name);
  if (!place) return "(absent)";
  const auto bytes = checkpoint.file(place->file).bytes(*place->entry);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Two shards and an index that says what it is told to.
class Sharded : public ::testing::Test {
 protected:
  void SetUp() override {
    write_file(folder_ / "model-1.safetensors", one_tensor("a", "one"));
    write_file(folder_ / "model-2.safetensors", one_tensor("b", "four"));
  }
  Expected<Checkpoint> open_with(const std::string& index) {
    write_file(folder_ / "model.safetensors.index.json", index);
    return Checkpoint::open(folder_ / "model.safetensors.index.json");
  }
  void expect_refused(const std::string& index, const std::string& why) {
    const auto checkpoint = open_with(index);
    ASSERT_FALSE(checkpoint) << index;
    EXPECT_THAT(checkpoint.error().message, HasSubstr(why));
  }
  TemporaryFolder folder_;
};

TEST(Checkpoint, OpensASingleFileAndItsFolder) {
  const TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  write_file(path, one_tensor("a", "xyz"));
  for (const std::string& named : {std::string(path), std::filesystem::path(path).parent_path().string()}) {
    const auto checkpoint = Checkpoint::open(named);
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    EXPECT_EQ(bytes_of(*checkpoint, "a"), "xyz");
    EXPECT_EQ(checkpoint->find("b"), nullptr);
  }
}

TEST_F(Sharded, FindsEachTensorInItsFile) {
  ASSERT_TRUE(open_with(R"({"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}})"));
  const auto checkpoint = Checkpoint::open(std::filesystem::path(folder_ / "x").parent_path()).value();
  EXPECT_EQ(bytes_of(checkpoint, "a"), "one");
  EXPECT_EQ(bytes_of(checkpoint, "b"), "four");
  EXPECT_EQ(checkpoint.paths().size(), 2u);
}

TEST_F(Sharded, AnIndexThatLiesIsRefused) {
  expect_refused(R"({"weight_map":{"a":"model-2.safetensors"}})", "does not hold \"a\"");
  expect_refused(R"({"weight_map":{"a":"../model-1.safetensors"}})", "no file beside the index");
  expect_refused(R"({"weight_map":{"a":"/etc/passwd"}})", "no file beside the index");
  expect_refused(R"({"weight_map":{"a":7}})", "no file beside the index");
  expect_refused(R"({"weight_map":{"a":"model-3.safetensors"}})", "model-3.safetensors");
  expect_refused(R"({"weight_map":{"a":"model-1.safetensors","a":"model-1.safetensors"}})", "twice");
  expect_refused(R"({"weight_map":{}})", "no tensor");
  expect_refused(R"({"weight_map":[]})", "weight_map");
  expect_refused(R"([])", "weight_map");
  expect_refused("{", "not a JSON index");
  expect_refused("", "not a JSON index");
}

TEST(Checkpoint, AFolderWithoutOrWithTooManyFilesIsRefused) {
  const TemporaryFolder folder;
  const auto path = std::filesystem::path(folder / "x").parent_path();
  EXPECT_THAT(Checkpoint::open(path).error().message, HasSubstr("holds no"));
  write_file(folder / "a.safetensors", one_tensor("a", "xyz"));
  write_file(folder / "b.safetensors", one_tensor("a", "xyz"));
  EXPECT_THAT(Checkpoint::open(path).error().message, HasSubstr("several"));
  EXPECT_THAT(Checkpoint::open("/no/such/model.safetensors").error().message, HasSubstr("/no/such"));
  EXPECT_THAT(Checkpoint::open("/no/such/index.json").error().message, HasSubstr("/no/such"));
}

}  // namespace
}  // namespace fvhooks
