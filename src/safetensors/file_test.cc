#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>

#include "fvhooks/safetensors.h"
#include "safetensors/test_files.h"

namespace fvhooks {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kTwoTensors = R"({"__metadata__":{"format":"pt"},)"
                                         R"("a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
                                         R"("b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})";

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(SafetensorsFile, FindsTensorsByName) {
  const TemporaryFolder folder;
  const auto path = folder / "two.safetensors";
  write_file(path, safetensors_text(kTwoTensors, "abcde"));
  const auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(file->find("a") && file->find("b"));
  EXPECT_EQ(text_of(file->bytes(*file->find("a"))), "abc");
  EXPECT_EQ(text_of(file->bytes(*file->find("b"))), "de");
  EXPECT_EQ(file->find("c"), nullptr);
  EXPECT_EQ(file->metadata().at("format"), "pt");
}

TEST(SafetensorsFile, KeepsItsViewsWhenMoved) {
  const TemporaryFolder folder;
  const auto path = folder / "two.safetensors";
  write_file(path, safetensors_text(kTwoTensors, "abcde"));
  auto file = SafetensorsFile::open(path).value();
  const auto bytes = file.bytes(*file.find("b"));
  const auto moved = std::move(file);
  EXPECT_EQ(text_of(bytes), "de");
  EXPECT_EQ(moved.bytes(*moved.find("b")).data(), bytes.data());
}

TEST(SafetensorsFile, WritingToTheMemoryLeavesTheFileAlone) {
  const TemporaryFolder folder;
  const auto path = folder / "two.safetensors";
  const auto text = safetensors_text(kTwoTensors, "abcde");
  write_file(path, text);
  const auto file = SafetensorsFile::open(path).value();
  const auto bytes = file.bytes(*file.find("a"));
  std::memset(const_cast<std::byte*>(bytes.data()), 'x', bytes.size());
  EXPECT_EQ(text_of(bytes), "xxx");
  EXPECT_EQ(contents(path), text);
}

TEST(SafetensorsFile, WhatIsNoFileIsSaidToBeNone) {
  const TemporaryFolder folder;
  const auto missing = SafetensorsFile::open(folder / "missing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, folder / "missing" + ": No such file or directory");

  const auto directory = SafetensorsFile::open(folder.path().string());
  ASSERT_FALSE(directory);
  EXPECT_THAT(directory.error().message, HasSubstr("not a regular file"));

  // A pipe would be waited for, for ever.
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const auto pipe = SafetensorsFile::open(folder / "pipe");
  ASSERT_FALSE(pipe);
  EXPECT_THAT(pipe.error().message, HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace fvhooks
