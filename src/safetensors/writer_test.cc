#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <deque>

#include "fvhooks/safetensors.h"
#include "safetensors/test_files.h"

namespace fvhooks {
namespace {

using ::testing::HasSubstr;

constexpr std::array kStorable = {DType::Float64,      DType::Float32,    DType::Float16, DType::BFloat16,
                                  DType::Float8E4M3FN, DType::Float8E5M2, DType::Int64,   DType::Int32,
                                  DType::Int16,        DType::Int8,       DType::UInt8,   DType::Bool,
                                  DType::Complex64};

// A tensor with its memory.
struct Owned {
  std::string name;
  DType dtype = DType::Float32;
  std::vector<std::int64_t> sizes, strides;
  std::string data;

  SafetensorsTensor tensor() const { return {name, TensorView{data.data(), dtype, sizes, strides}}; }
};

Owned make(std::string name, DType dtype, std::vector<std::int64_t> sizes) {
  Owned made{std::move(name), dtype, std::move(sizes), {}, {}};
  made.strides.resize(made.sizes.size());
  std::int64_t elements = 1;
  for (std::size_t i = made.sizes.size(); i-- > 0;) {
    made.strides[i] = elements;
    elements *= made.sizes[i];
  }
  made.data.resize(static_cast<std::size_t>(elements) * item_size(dtype));
  for (std::size_t i = 0; i < made.data.size(); ++i) made.data[i] = static_cast<char>('a' + i % 26);
  return made;
}

Expected<std::monostate> write(const std::string& path, const std::vector<Owned>& tensors,
                               const std::map<std::string, std::string, std::less<>>& metadata = {}) {
  std::vector<SafetensorsTensor> views;
  for (const auto& tensor : tensors) views.push_back(tensor.tensor());
  return write_safetensors(path, views, metadata);
}

RC_GTEST_PROP(SafetensorsWriter, WhatIsWrittenIsReadBack, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(0, 6);
  std::vector<Owned> tensors;
  for (std::size_t i = 0; i < count; ++i) {
    const auto dtype = *rc::gen::elementOf(kStorable);
    const auto rank = *rc::gen::inRange<std::size_t>(0, 4);
    const auto sizes = *rc::gen::container<std::vector<std::int64_t>>(rank, rc::gen::inRange<std::int64_t>(0, 5));
    tensors.push_back(make(std::to_string(i) + "\"\\\n\x01é." + std::string(i, 'x'), dtype, sizes));
  }
  const std::map<std::string, std::string, std::less<>> metadata = {{"k\"", "v\n"}, {"", ""}};

  const TemporaryFolder folder;
  const auto path = folder / "t.safetensors";
  RC_ASSERT(write(path, tensors, metadata).has_value());
  const auto file = SafetensorsFile::open(path).value();
  RC_ASSERT(file.entries().size() == tensors.size());
  RC_ASSERT(file.metadata() == metadata);
  for (const auto& tensor : tensors) {
    const auto* entry = file.find(tensor.name);
    RC_ASSERT(entry);
    RC_ASSERT(entry->dtype == tensor.dtype);
    RC_ASSERT(entry->sizes == tensor.sizes);
    const auto bytes = file.bytes(*entry);
    RC_ASSERT(bytes.size() == tensor.data.size());
    RC_ASSERT(bytes.empty() || std::memcmp(bytes.data(), tensor.data.data(), bytes.size()) == 0);
    RC_ASSERT(bytes.empty() || reinterpret_cast<std::uintptr_t>(bytes.data()) % item_size(entry->dtype) == 0);
  }
}

TEST(SafetensorsWriter, WritesLargerDtypesFirstAndThenByName) {
  const TemporaryFolder folder;
  const auto path = folder / "t.safetensors";
  ASSERT_TRUE(write(path, {make("c", DType::UInt8, {1}), make("b", DType::Float32, {1}), make("a", DType::Float32, {1}),
                           make("d", DType::Float64, {1})}));
  std::string names;
  const auto file = SafetensorsFile::open(path).value();
  for (const auto& entry : file.entries()) names += entry.name;
  EXPECT_EQ(names, "dabc");
}

TEST(SafetensorsWriter, ReplacesAFileAndLeavesNothingElse) {
  const TemporaryFolder folder;
  const auto path = folder / "t.safetensors";
  write_file(path, "old");
  ASSERT_TRUE(write(path, {make("a", DType::Float32, {2})}));
  EXPECT_TRUE(SafetensorsFile::open(path));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(SafetensorsWriter, AFailureLeavesTheOldFileAndNothingElse) {
  const TemporaryFolder folder;
  // A directory cannot be replaced by a file: the write succeeds, the rename fails.
  std::filesystem::create_directory(folder / "taken");
  const auto result = write(folder / "taken", {make("a", DType::Float32, {2})});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("taken: cannot be written"));
  EXPECT_TRUE(std::filesystem::is_directory(folder / "taken"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(SafetensorsWriter, AMissingFolderIsAnError) {
  const TemporaryFolder folder;
  const auto result = write(folder / "missing/t.safetensors", {});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("No such file or directory"));
}

TEST(SafetensorsWriter, RefusesWhatTheFormatCannotHold) {
  const TemporaryFolder folder;
  const auto path = folder / "t.safetensors";
  const auto refusal = [&](const std::vector<Owned>& tensors) {
    const auto result = write(path, tensors);
    EXPECT_FALSE(std::filesystem::exists(path));
    return result ? std::string("written") : result.error().message;
  };
  const auto fine = make("a", DType::Float32, {2, 3});
  auto transposed = fine;
  std::swap(transposed.strides[0], transposed.strides[1]);

  EXPECT_THAT(refusal({fine, fine}), HasSubstr("two of this name"));
  EXPECT_THAT(refusal({transposed}), HasSubstr("not contiguous"));
  EXPECT_THAT(refusal({make("a", DType::Complex128, {1})}), HasSubstr("torch.complex128"));
  EXPECT_THAT(refusal({make("__metadata__", DType::Float32, {1})}), HasSubstr("keeps this name"));
  EXPECT_THAT(refusal({make("\xff", DType::Float32, {1})}), HasSubstr("not UTF-8"));
}

TEST(SafetensorsWriter, StridesOfSizeOneDimensionsDoNotMatter) {
  const TemporaryFolder folder;
  auto tensor = make("a", DType::Float32, {1, 4});
  tensor.strides[0] = 17;
  EXPECT_TRUE(write(folder / "t.safetensors", {tensor}));
}

}  // namespace
}  // namespace fvhooks
