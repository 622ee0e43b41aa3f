#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "capture/test_support.h"
#include "core/testing/captured_warnings.h"
#include "core/testing/child_process.h"
#include "core/testing/file_size_limit.h"
#include "core/testing/temporary_folder.h"
#include "fvhooks/run.h"

namespace fvhooks {
namespace {

using ::testing::AllOf;
using testing::capture_key;
using testing::CapturedWarnings;
using ::testing::ElementsAre;
using testing::files_under;
using testing::FileSizeLimit;
using ::testing::HasSubstr;
using testing::in_child;
using ::testing::IsEmpty;
using testing::one_tensor;
using testing::OwnedTensors;
using ::testing::SizeIs;
using testing::TemporaryFolder;

constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 40;

std::shared_ptr<CaptureWriter> open_writer(const std::string& folder, std::uint64_t limit = kNoLimit) {
  return CaptureWriter::open(folder, limit).value();
}

TEST(CaptureWriter, WritesAFileForEachSideOfEachCall) {
  const TemporaryFolder folder;
  const auto writer = open_writer(folder / "made/for/it");
  writer->write(capture_key("blocks.0", 3, 1), one_tensor());
  writer->write(capture_key("blocks.0", 3, 1, CaptureSide::Inputs), one_tensor());
  writer->write(capture_key(""), one_tensor());
  const auto files = files_under(folder / "made/for/it");
  EXPECT_THAT(files, SizeIs(3));
  EXPECT_EQ(writer->files(), 3U);
  std::uint64_t bytes = 0;
  for (const auto& file : files) bytes += std::filesystem::file_size(file);
  EXPECT_EQ(writer->bytes(), bytes);
}

TEST(CaptureWriter, SaysInTheFileWhatItIs) {
  const TemporaryFolder folder;
  set_rank(2);
  auto key = capture_key("blocks.0", 3, 1);
  key.rank = process_rank();
  open_writer(folder / "c")->write(key, one_tensor());
  set_rank(std::nullopt);
  const auto file = SafetensorsFile::open(files_under(folder.path()).at(0)).value();
  const SafetensorsMetadata expected = {
      {"fvhooks.capture", "1"}, {"root", "transformer"}, {"module", "blocks.0"}, {"step", "3"}, {"call", "1"},
      {"side", "out"},          {"rank", "2"},           {"run", run_id()},      {"seq", "0"}};
  EXPECT_EQ(file.metadata(), expected);
}

TEST(CaptureWriter, MakesNoFolderBeforeTheFirstCapture) {
  const TemporaryFolder folder;
  open_writer(folder / "a/b");
  EXPECT_THAT(std::filesystem::exists(folder / "a"), false);
}

TEST(CaptureWriter, RefusesAFolderThatCannotBeMade) {
  const TemporaryFolder folder;
  std::ofstream(folder / "file") << "x";
  const auto writer = CaptureWriter::open(folder / "file/captures", kNoLimit);
  ASSERT_FALSE(writer);
  EXPECT_THAT(writer.error().message, AllOf(HasSubstr("FASTVIDEO_TRACE_CAPTURE"), HasSubstr("file is not a folder")));
}

TEST(CaptureWriter, AValueWithoutTensorsHasNoFile) {
  const TemporaryFolder folder;
  const auto writer = open_writer(folder / "c");
  writer->write(capture_key("m"), {});
  EXPECT_EQ(writer->files(), 0U);
}

TEST(CaptureWriter, StopsAtTheLimitAndSaysSoOnce) {
  const TemporaryFolder folder;
  const CapturedWarnings warnings;
  {
    const auto writer = open_writer(folder / "c", 5000);
    for (int call = 0; call < 4; ++call)
      writer->write(capture_key("m", 0, static_cast<std::uint64_t>(call)), one_tensor(500));
    EXPECT_EQ(writer->files(), 2U);
    EXPECT_LE(writer->bytes(), 5000U);
    EXPECT_TRUE(writer->is_full());
    EXPECT_EQ(writer->left_out(), 2U);
    EXPECT_THAT(warnings.messages(), ElementsAre(HasSubstr("limit of captures is reached (5000 bytes")));
  }
  ASSERT_THAT(warnings.messages(), SizeIs(2));
  EXPECT_THAT(warnings.messages()[1], HasSubstr("lack 2 files of 4"));
  EXPECT_THAT(files_under(folder.path()), SizeIs(2));
}

TEST(CaptureWriter, NothingSmallSlipsInBehindTheLimit) {
  const TemporaryFolder folder;
  const CapturedWarnings warnings;
  const auto writer = open_writer(folder / "c", 1000);
  writer->write(capture_key("large"), one_tensor(1000));
  writer->write(capture_key("small"), one_tensor(1));
  EXPECT_EQ(writer->files(), 0U);
}

TEST(CaptureWriter, AFailureIsWarnedOfOnceAndTheNumberToldAtTheEnd) {
  const TemporaryFolder folder;
  const CapturedWarnings warnings;
  ::signal(SIGXFSZ, SIG_IGN);
  {
    const auto writer = open_writer(folder / "c");
    {
      const FileSizeLimit limit(1000);
      for (std::uint64_t call = 0; call < 3; ++call) writer->write(capture_key("m", 0, call), one_tensor(1000));
    }
    EXPECT_THAT(warnings.messages(),
                ElementsAre(AllOf(HasSubstr("could not be written"), HasSubstr("File too large"))));
    EXPECT_THAT(files_under(folder.path()), IsEmpty());
    writer->write(capture_key("m", 0, 3), one_tensor(1000));
    EXPECT_EQ(writer->files(), 1U);
    EXPECT_EQ(writer->left_out(), 3U);
  }
  ASSERT_THAT(warnings.messages(), SizeIs(2));
  EXPECT_THAT(warnings.messages()[1],
              AllOf(HasSubstr("3 files that could not be written"), HasSubstr("File too large")));
}

TEST(CaptureWriter, CountsTensorsWithoutValuesByReason) {
  const TemporaryFolder folder;
  const CapturedWarnings warnings;
  {
    const auto writer = open_writer(folder / "c");
    writer->leave_out("a meta tensor has no values");
    writer->leave_out("a meta tensor has no values");
    writer->leave_out("a sparse tensor has no strides");
    EXPECT_THAT(warnings.messages(), IsEmpty());
  }
  EXPECT_THAT(warnings.messages(),
              ElementsAre(AllOf(HasSubstr("2 tensors without values (a meta tensor has no values)"),
                                HasSubstr("1 tensor without values (a sparse"))));
}

TEST(CaptureWriter, WhatWasLostIsToldWhenTheProcessEnds) {
  const TemporaryFolder folder;
  in_child([&] {
    set_warning_handler([&](std::string_view message) { std::ofstream(folder / "told") << message; });
    static const auto kept = open_writer(folder / "c");
    kept->leave_out("a meta tensor has no values");
    std::exit(0);
  });
  EXPECT_THAT(testing::contents(folder / "told"), HasSubstr("1 tensor without values"));
}

TEST(CaptureWriter, WritersOnOneFolderShareItsLimit) {
  const TemporaryFolder folder;
  const CapturedWarnings warnings;
  const auto first = open_writer(folder / "c", 1000);
  const auto second = open_writer(folder / "./c", 2000);
  EXPECT_THAT(warnings.messages(), ElementsAre(HasSubstr("limit of 1000 bytes")));
  first->write(capture_key("a"), one_tensor());
  EXPECT_EQ(second->files(), 1U);
}

TEST(CaptureWriter, AForkedChildWritesToAFolderOfItsOwn) {
  const TemporaryFolder folder;
  const auto writer = open_writer(folder / "c");
  writer->write(capture_key("m"), one_tensor());
  EXPECT_EQ(in_child([&] {
              if (writer->files() != 0) ::_exit(1);
              writer->write(capture_key("m"), one_tensor());
              if (writer->files() != 1) ::_exit(2);
            }),
            0);
  EXPECT_EQ(writer->files(), 1U);
  EXPECT_THAT(files_under(folder.path()), SizeIs(2));
}

TEST(CaptureWriter, ThreadsWriteAtOnce) {
  const TemporaryFolder folder;
  const auto writer = open_writer(folder / "c");
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&, thread] {
        for (std::uint64_t call = 0; call < 20; ++call)
          writer->write(capture_key(std::to_string(thread), 0, call), one_tensor());
      });
  }
  EXPECT_EQ(writer->files(), 80U);
  EXPECT_THAT(files_under(folder.path()), SizeIs(80));
}

// Whenever it dies, what has a capture's name is whole.
TEST(CaptureWriter, AKilledProcessLeavesNoHalfFile) {
  const TemporaryFolder folder;
  const auto child = ::fork();
  if (child == 0) {
    const auto writer = open_writer(folder / "c");
    const auto tensors = one_tensor(1'000'000);
    for (std::uint64_t call = 0;; ++call) writer->write(capture_key("m", 0, call % 20), tensors);
  }
  while (!std::filesystem::exists(folder / "c")) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);

  std::size_t whole = 0;
  for (const auto& file : files_under(folder.path())) {
    if (!file.ends_with(".safetensors")) continue;
    EXPECT_TRUE(SafetensorsFile::open(file)) << file;
    ++whole;
  }
  EXPECT_GT(whole, 0U);
}

}  // namespace
}  // namespace fvhooks
