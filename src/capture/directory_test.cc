#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fstream>

#include "capture/path.h"
#include "capture/test_support.h"
#include "core/testing/temporary_folder.h"
#include "fvhooks/run.h"

namespace fvhooks {
namespace {

using testing::are_equal;
using testing::capture_key;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::one_tensor;
using testing::OwnedTensors;
using ::testing::SizeIs;
using testing::TemporaryFolder;

constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 40;

// By a writer of its own, hence to a run folder of its own.
void capture(const std::string& folder, const CaptureKey& key, std::span<const SafetensorsTensor> tensors) {
  CaptureWriter::open(folder, kNoLimit).value()->write(key, tensors);
}

constexpr DType kAll[] = {DType::Float64,    DType::Float32, DType::Float16,   DType::BFloat16,  DType::Float8E4M3FN,
                          DType::Float8E5M2, DType::Int64,   DType::Int32,     DType::Int16,     DType::Int8,
                          DType::UInt8,      DType::Bool,    DType::Complex32, DType::Complex64, DType::Complex128};

TEST(CaptureDirectory, GivesBackEveryDtypeAlsoThoseThatTheFormatLacks) {
  const TemporaryFolder folder;
  OwnedTensors tensors;
  for (const auto dtype : kAll) {
    tensors.add("out." + std::string(torch_name(dtype)), dtype, {2, 3});
    tensors.add("out." + std::string(torch_name(dtype)) + ".scalar", dtype, {});
    tensors.add("out." + std::string(torch_name(dtype)) + ".empty", dtype, {0, 4});
  }
  capture(folder / "c", capture_key("m"), tensors);
  const auto directory = CaptureDirectory::open(folder / "c").value();
  const auto read = CaptureDirectory::read(*directory.find(capture_key("m"))).value();
  EXPECT_THAT(read.all(), SizeIs(tensors.all().size()));
  for (const auto& [label, tensor] : tensors.all()) {
    ASSERT_TRUE(read.find(label)) << label;
    EXPECT_TRUE(are_equal(*read.find(label), tensor)) << label;
  }
  EXPECT_EQ(read.find("out[9]"), nullptr);
}

std::optional<std::int64_t> any_step() {
  if (*rc::gen::arbitrary<bool>()) return std::nullopt;
  return *rc::gen::arbitrary<std::int64_t>();
}

RC_GTEST_PROP(CaptureDirectory, FindsWhateverWasWritten, ()) {
  const auto bytes = rc::gen::container<std::string>(rc::gen::arbitrary<char>());
  const TemporaryFolder folder;
  std::vector<CaptureKey> keys;
  {
    const auto writer = CaptureWriter::open(folder / "c", kNoLimit).value();
    for (int i = 0; i < 3; ++i) {
      // Names of ASCII: of what is no UTF-8 the metadata keep no more than that it was there.
      const auto ascii = [&] {
        auto name = *bytes;
        for (auto& c : name) c = static_cast<char>(c & 0x7F);
        for (int doublings = *rc::gen::inRange(0, 4); doublings > 0; --doublings) name += name;
        return name;
      };
      CaptureKey key{std::nullopt,
                     ascii(),
                     ascii(),
                     any_step(),
                     *rc::gen::arbitrary<std::uint64_t>(),
                     *rc::gen::arbitrary<bool>() ? CaptureSide::Inputs : CaptureSide::Output};
      writer->write(key, one_tensor());
      keys.push_back(std::move(key));
    }
  }
  const auto directory = CaptureDirectory::open(folder / "c").value();
  for (const auto& key : keys) {
    const auto* const found = directory.find(key);
    RC_ASSERT(found);
    RC_ASSERT(found->run == run_id());
    RC_ASSERT(CaptureDirectory::read(*found).has_value());
  }
}

TEST(CaptureDirectory, ANameThatIsNotUtf8IsFoundByItsPath) {
  const TemporaryFolder folder;
  capture(folder / "c", capture_key("\xff"), one_tensor());
  const auto directory = CaptureDirectory::open(folder / "c").value();
  ASSERT_TRUE(directory.find(capture_key("\xff")));
  EXPECT_TRUE(CaptureDirectory::read(*directory.find(capture_key("\xff"))));
}

TEST(CaptureDirectory, KeepsSidesCallsAndRanksApart) {
  const TemporaryFolder folder;
  {
    const auto writer = CaptureWriter::open(folder / "c", kNoLimit).value();
    for (const auto side : {CaptureSide::Inputs, CaptureSide::Output})
      for (std::uint64_t call = 0; call < 2; ++call)
        for (std::int64_t rank = 0; rank < 2; ++rank) {
          auto key = capture_key("m", 0, call, side);
          key.rank = rank;
          writer->write(key, one_tensor());
        }
  }
  EXPECT_THAT(CaptureDirectory::open(folder / "c").value().captures(), SizeIs(8));
}

TEST(CaptureDirectory, TellsTheOrderOfFiles) {
  const TemporaryFolder folder;
  {
    const auto writer = CaptureWriter::open(folder / "c", kNoLimit).value();
    for (const auto* const module : {"b", "a"}) writer->write(capture_key(module), one_tensor());
  }
  const auto directory = CaptureDirectory::open(folder / "c").value();
  EXPECT_EQ(CaptureDirectory::read(*directory.find(capture_key("b")))->seq(), 0U);
  EXPECT_EQ(CaptureDirectory::read(*directory.find(capture_key("a")))->seq(), 1U);
}

TEST(CaptureDirectory, TheRunThatBeganLastCounts) {
  const TemporaryFolder folder;
  capture(folder / "c", capture_key("old"), one_tensor(1));
  capture(folder / "c", capture_key("both"), one_tensor(1));
  {
    const auto writer = CaptureWriter::open(folder / "c", kNoLimit).value();
    writer->write(capture_key("both"), one_tensor(2));
  }
  const auto directory = CaptureDirectory::open(folder / "c").value();
  ASSERT_THAT(directory.captures(), SizeIs(1));
  EXPECT_EQ(CaptureDirectory::read(directory.captures()[0]).value().find("out")->numel(), 2);
  EXPECT_THAT(directory.notes(), Contains(HasSubstr("left out")));
}

TEST(CaptureDirectory, ComponentsOfSeveralProcessesAreOneRun) {
  const TemporaryFolder folder;
  auto vae = capture_key("m");
  vae.root = "vae";
  capture(folder / "c", capture_key("m"), one_tensor());
  capture(folder / "c", vae, one_tensor());
  const auto directory = CaptureDirectory::open(folder / "c").value();
  EXPECT_THAT(directory.captures(), SizeIs(2));
  EXPECT_THAT(directory.notes(), IsEmpty());
}

TEST(CaptureDirectory, OneRunIsChosenByItsFolder) {
  const TemporaryFolder folder;
  capture(folder / "c", capture_key("m"), one_tensor(1));
  const auto first = CaptureDirectory::open(folder / "c").value().captures().at(0).path;
  capture(folder / "c", capture_key("m"), one_tensor(2));
  const auto run = std::filesystem::path(first).parent_path().parent_path().parent_path();
  for (const auto& path : {run.string(), run.string() + "/"}) {
    const auto directory = CaptureDirectory::open(path).value();
    ASSERT_THAT(directory.captures(), SizeIs(1));
    EXPECT_EQ(directory.captures()[0].path, first);
  }
}

TEST(CaptureDirectory, PassesOverWhatIsNoCapture) {
  const TemporaryFolder folder;
  capture(folder / "c", capture_key("m"), one_tensor());
  const auto path = CaptureDirectory::open(folder / "c").value().captures().at(0).path;
  std::ofstream(path + ".17.0.tmp") << "half";
  std::ofstream(std::filesystem::path(path).parent_path() / "notes.txt") << "mine";
  std::filesystem::create_directories(folder / "c/other/transformer/m");
  std::filesystem::copy_file(path, folder / "c/other/transformer/m/nostep.call0.out.safetensors");
  EXPECT_THAT(CaptureDirectory::open(folder / "c").value().captures(), SizeIs(1));
}

TEST(CaptureDirectory, AFileThatContradictsItsPathIsAnError) {
  const TemporaryFolder folder;
  capture(folder / "c", capture_key("m"), one_tensor());
  const auto path = std::filesystem::path(CaptureDirectory::open(folder / "c").value().captures().at(0).path);
  std::filesystem::rename(path, path.parent_path() / "nostep.call1.out.safetensors");
  const auto directory = CaptureDirectory::open(folder / "c").value();
  const auto read = CaptureDirectory::read(*directory.find(capture_key("m", std::nullopt, 1)));
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("another call than its path"));
}

TEST(CaptureDirectory, ADamagedFileIsAnError) {
  const TemporaryFolder folder;
  capture(folder / "c", capture_key("m"), one_tensor());
  const auto capture = CaptureDirectory::open(folder / "c").value().captures().at(0);
  std::filesystem::resize_file(capture.path, std::filesystem::file_size(capture.path) - 1);
  EXPECT_FALSE(CaptureDirectory::read(capture));
}

TEST(CaptureDirectory, PairsThatAreNoneStayWhatTheyAre) {
  const TemporaryFolder folder;
  OwnedTensors tensors;
  tensors.add("out", DType::Float64, {3}).add("out[1]", DType::Float32, {2}).add("out[2]", DType::Float64, {});
  auto metadata = SafetensorsFile::open([&] {
                    capture(folder / "c", capture_key("m"), tensors);
                    return CaptureDirectory::open(folder / "c").value().captures().at(0).path;
                  }())
                      .value()
                      .metadata();
  const auto capture = CaptureDirectory::open(folder / "c").value().captures().at(0);
  for (const auto* const label : {"out", "out[1]", "out[2]"})
    metadata[std::string("dtype ") + label] = "torch.complex128";
  ASSERT_TRUE(write_safetensors(capture.path, tensors, metadata));
  const auto read = CaptureDirectory::read(capture).value();
  for (const auto& [label, tensor] : tensors.all()) EXPECT_TRUE(are_equal(*read.find(label), tensor)) << label;
}

TEST(CaptureDirectory, AFolderWithoutCapturesIsAnError) {
  const TemporaryFolder folder;
  const auto empty = CaptureDirectory::open(folder.path());
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().message, HasSubstr("holds no capture"));
  EXPECT_FALSE(CaptureDirectory::open(folder / "missing"));
}

}  // namespace
}  // namespace fvhooks
