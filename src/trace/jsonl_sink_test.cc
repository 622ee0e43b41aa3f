#include "fvhooks/jsonl_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "core/testing/file_size_limit.h"
#include "trace/test_support.h"

namespace fvhooks {
namespace {

using ::testing::AllOf;
using testing::CapturedWarnings;
using testing::contents;
using testing::FileSizeLimit;
using ::testing::HasSubstr;
using testing::in_child;
using testing::named;
using testing::read_file;
using ::testing::SizeIs;
using testing::TemporaryFolder;

std::unique_ptr<JsonlSink> open_sink(const std::string& path, std::size_t batch = 0) {
  return JsonlSink::open(path, batch).value();
}

TEST(JsonlSink, HasALineInTheFileWhenWriteReturns) {
  TemporaryFolder folder;
  const auto sink = open_sink(folder / "a/b/trace.jsonl");
  EXPECT_TRUE(sink->write(named("m")));
  EXPECT_EQ(contents(folder / "a/b/trace.jsonl"), testing::line_of(named("m")));
  EXPECT_TRUE(sink->write_line("{}\n"));
  EXPECT_EQ(sink->written(), 2U);
  EXPECT_EQ(sink->dropped(), 0U);
}

TEST(JsonlSink, AppendsToWhatIsThere) {
  TemporaryFolder folder;
  open_sink(folder / "t")->write(named("first"));
  open_sink(folder / "t")->write(named("second"));
  EXPECT_THAT(read_file(folder / "t").records, SizeIs(2));
}

TEST(JsonlSink, BeginsWithANewlineBehindALineThatSomebodyLeftTorn) {
  TemporaryFolder folder;
  std::ofstream(folder / "t") << "{\"module\":\"ha";
  open_sink(folder / "t")->write(named("m"));
  const auto trace = read_file(folder / "t");
  EXPECT_THAT(trace.records, SizeIs(1));
  EXPECT_THAT(trace.problems, SizeIs(1));
}

TEST(JsonlSink, PutsTheProcessIdIntoThePath) {
  TemporaryFolder folder;
  const auto sink = open_sink(folder / "<pid>/t_<pid>.jsonl");
  const auto pid = std::to_string(::getpid());
  EXPECT_EQ(sink->path(), folder / (pid + "/t_" + pid + ".jsonl"));
  sink->write(named("m"));
  EXPECT_THAT(read_file(sink->path()).records, SizeIs(1));
}

TEST(JsonlSink, SaysWhyItCannotOpen) {
  TemporaryFolder folder;
  std::ofstream(folder / "file") << "x";
  const auto below_a_file = JsonlSink::open(folder / "file/t.jsonl");
  ASSERT_FALSE(below_a_file);
  EXPECT_THAT(below_a_file.error().message, AllOf(HasSubstr("file"), HasSubstr("FASTVIDEO_TRACE_OUTPUT")));
  const auto a_folder = JsonlSink::open(folder.path());
  ASSERT_FALSE(a_folder);
  EXPECT_THAT(a_folder.error().message, HasSubstr("Is a directory"));
}

// FastVideo raises out of the model's forward, again at every call, and leaves half a line.
TEST(JsonlSink, FullDiskNeverReachesTheModel) {
  CapturedWarnings warnings;
  {
    const auto sink = open_sink("/dev/full");
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(sink->write(named("m")));
    EXPECT_EQ(sink->written(), 0U);
    EXPECT_EQ(sink->dropped(), 10U);
    ASSERT_THAT(warnings.messages(), SizeIs(1));
    EXPECT_THAT(warnings.messages()[0], AllOf(HasSubstr("/dev/full"), HasSubstr("No space left on device")));
  }
  ASSERT_THAT(warnings.messages(), SizeIs(2));
  EXPECT_THAT(warnings.messages()[1], AllOf(HasSubstr("10 "), HasSubstr("/dev/full")));
}

TEST(JsonlSink, TellsNoLossTwice) {
  for (const std::size_t batch : {0, 100}) {
    CapturedWarnings warnings;
    {
      const auto sink = open_sink("/dev/full", batch);
      for (std::size_t i = 0; i < std::max<std::size_t>(batch / 2, 1); ++i) sink->write(named("m"));
    }
    ASSERT_THAT(warnings.messages(), SizeIs(1));
    EXPECT_THAT(warnings.messages()[0], HasSubstr(batch == 0 ? "1 trace record of" : "50 trace records of"));
  }
}

TEST(JsonlSink, GoesOnWhenTheDiskDoesAndLosesOnlyWhatDidNotFit) {
  TemporaryFolder folder;
  CapturedWarnings warnings;
  const auto sink = open_sink(folder / "t");
  EXPECT_TRUE(sink->write(named("before")));
  {
    const FileSizeLimit limit(contents(folder / "t").size() + 10);
    EXPECT_FALSE(sink->write(named("cut short")));
    EXPECT_FALSE(sink->write(named("lost")));  // SIGXFSZ would end the process here
  }
  EXPECT_TRUE(sink->write(named("after")));
  EXPECT_TRUE(sink->write(named("and on")));
  const auto trace = read_file(folder / "t");
  ASSERT_THAT(trace.records, SizeIs(3));
  EXPECT_EQ(trace.records[1].module, "after");
  EXPECT_THAT(trace.problems, SizeIs(1));
  EXPECT_EQ(sink->written(), 3U);
  EXPECT_EQ(sink->dropped(), 2U);
  EXPECT_THAT(warnings.messages(), SizeIs(1));
}

TEST(JsonlSink, OutlivesALimitThatItsFileHasPassed) {
  TemporaryFolder folder;
  CapturedWarnings warnings;
  const auto sink = open_sink(folder / "t");
  EXPECT_TRUE(sink->write(named("before")));
  {
    const FileSizeLimit limit(contents(folder / "t").size() / 2);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // limits are asked for at each tick of a clock
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(sink->write(named("lost")));
  }
  EXPECT_TRUE(sink->write(named("after")));
  EXPECT_THAT(read_file(folder / "t").records, SizeIs(2));
  EXPECT_EQ(sink->dropped(), 3U);
}

TEST(JsonlSink, CountsTheLinesOfABatchThatReachedTheFile) {
  TemporaryFolder folder;
  CapturedWarnings warnings;
  const auto sink = open_sink(folder / "t", 4);
  const auto length = testing::line_of(named("m")).size();
  {
    const FileSizeLimit limit(2 * length + length / 2);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(sink->write(named("m")));
    EXPECT_FALSE(sink->write(named("m")));
  }
  EXPECT_EQ(sink->written(), 2U);
  EXPECT_EQ(sink->dropped(), 2U);
  sink->write(named("later"));
  sink->flush();
  const auto trace = read_file(folder / "t");
  EXPECT_THAT(trace.records, SizeIs(3));
  EXPECT_THAT(trace.problems, SizeIs(1));
}

TEST(JsonlSink, OutlivesTheReaderOfItsPipe) {
  TemporaryFolder folder;
  CapturedWarnings warnings;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const int reader = ::open((folder / "pipe").c_str(), O_RDONLY | O_NONBLOCK);
  const auto sink = open_sink(folder / "pipe");
  EXPECT_TRUE(sink->write(named("m")));
  ::close(reader);
  EXPECT_FALSE(sink->write(named("m")));  // SIGPIPE would end the process here
  ASSERT_THAT(warnings.messages(), SizeIs(1));
  EXPECT_THAT(warnings.messages()[0], HasSubstr("Broken pipe"));
}

TEST(JsonlSink, LeavesTheCallersSignalsAlone) {
  TemporaryFolder folder;
  sigset_t one, before, after;
  sigemptyset(&one);
  sigaddset(&one, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &one, &before);
  ::raise(SIGPIPE);
  open_sink(folder / "t")->write(named("m"));
  ::sigpending(&after);
  EXPECT_EQ(sigismember(&after, SIGPIPE), 1);
  const timespec at_once{};
  EXPECT_EQ(::sigtimedwait(&one, nullptr, &at_once), SIGPIPE);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(JsonlSink, HoldsBackAsManyLinesAsAsked) {
  TemporaryFolder folder;
  const auto sink = open_sink(folder / "t", 3);
  sink->write(named("1"));
  sink->write(named("2"));
  EXPECT_EQ(contents(folder / "t"), "");
  EXPECT_EQ(sink->written(), 0U);
  sink->write(named("3"));
  EXPECT_THAT(read_file(folder / "t").records, SizeIs(3));
  sink->write(named("4"));
  sink->flush();
  EXPECT_THAT(read_file(folder / "t").records, SizeIs(4));
  sink->write(named("5"));
  sink->close();
  sink->close();
  EXPECT_THAT(read_file(folder / "t").records, SizeIs(5));
  CapturedWarnings warnings;
  EXPECT_FALSE(sink->write(named("6")));
  EXPECT_EQ(sink->dropped(), 1U);
}

TEST(JsonlSink, WritesWhatItHoldsBackWhenTheProcessEnds) {
  TemporaryFolder folder;
  const auto path = folder / "t";
  const auto status = in_child([&] {
    static auto* const leaked = open_sink(path, 100).release();
    leaked->write(named("m"));
    std::exit(7);
  });
  EXPECT_EQ(status, 7);
  EXPECT_THAT(read_file(path).records, SizeIs(1));
}

TEST(JsonlSink, TellsWhatWasLostWhenTheProcessEnds) {
  TemporaryFolder folder;
  in_child([&] {
    set_warning_handler(
        [path = folder / "told"](auto message) { std::ofstream(path, std::ios::app) << message << "\n"; });
    static auto* const leaked = open_sink("/dev/full").release();
    for (int i = 0; i < 3; ++i) leaked->write(named("m"));
    std::exit(0);
  });
  EXPECT_THAT(contents(folder / "told"),
              AllOf(HasSubstr("No space left"), HasSubstr("3 trace records of '/dev/full'")));
}

TEST(JsonlSink, KeepsLinesOfManyThreadsWhole) {
  for (const std::size_t batch : {0, 7}) {
    TemporaryFolder folder;
    const auto sink = open_sink(folder / "t", batch);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&, thread] {
        for (std::uint64_t i = 0; i < 200; ++i) sink->write(named("thread " + std::to_string(thread), i));
      });
    }
    for (auto& thread : threads) thread.join();
    sink->flush();
    const auto trace = read_file(folder / "t");
    EXPECT_THAT(trace.records, SizeIs(1600));
    EXPECT_THAT(trace.problems, SizeIs(0));
    EXPECT_EQ(sink->written(), 1600U);
  }
}

}  // namespace
}  // namespace fvhooks
