// Several processes: forked ones, killed ones, ones that share a file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <map>
#include <thread>

#include "fvhooks/jsonl_sink.h"
#include "trace/test_support.h"

namespace fvhooks {
namespace {

using testing::CapturedWarnings;
using testing::contents;
using testing::in_child;
using testing::named;
using testing::read_file;
using ::testing::SizeIs;
using testing::TemporaryFolder;

TEST(JsonlSinkProcesses, AForkedChildWritesToAFileOfItsOwn) {
  TemporaryFolder folder;
  const auto sink = JsonlSink::open(folder / "t_<pid>").value();
  sink->write(named("parent"));
  in_child([&] {
    sink->write(named("child"));
    std::ofstream(folder / "child") << sink->path();
  });
  sink->write(named("parent"));
  EXPECT_THAT(read_file(sink->path()).records, SizeIs(2));
  const auto child = read_file(contents(folder / "child"));
  ASSERT_THAT(child.records, SizeIs(1));
  EXPECT_EQ(child.records[0].module, "child");
}

TEST(JsonlSinkProcesses, AForkedChildDoesNotWriteWhatItsParentHeldBack) {
  TemporaryFolder folder;
  for (const std::string name : {"same", "t_<pid>"}) {
    const auto sink = JsonlSink::open(folder / name, 10).value();
    sink->write(named("parent"));
    in_child([&] {
      sink->write(named("child"));
      sink->close();
    });
    sink->close();
  }
  EXPECT_THAT(read_file(folder / "same").records, SizeIs(2));
  EXPECT_THAT(read_file(folder / ("t_" + std::to_string(::getpid()))).records, SizeIs(1));
}

TEST(JsonlSinkProcesses, AForkedChildCountsForItself) {
  CapturedWarnings warnings;
  const auto sink = JsonlSink::open("/dev/full").value();
  sink->write(named("parent"));
  const auto dropped_in_child = in_child([&] {
    sink->write(named("child"));
    sink->write(named("child"));
    ::_exit(static_cast<int>(sink->dropped()));
  });
  EXPECT_EQ(dropped_in_child, 2);
  EXPECT_EQ(sink->dropped(), 1U);
}

TEST(JsonlSinkProcesses, AForkWhileOtherThreadsWriteLeavesTheChildAbleToWrite) {
  TemporaryFolder folder;
  const auto sink = JsonlSink::open(folder / "t_<pid>").value();
  std::atomic<bool> stop{false};
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&] {
      while (!stop) sink->write(named("parent"));
    });
  }
  for (int i = 0; i < 30; ++i) {
    const auto status = in_child([&] {
      ::alarm(20);  // a deadlock would end here
      if (!sink->write(named("child"))) ::_exit(1);
    });
    EXPECT_EQ(status, 0);
  }
  stop = true;
  for (auto& writer : writers) writer.join();
  EXPECT_THAT(read_file(sink->path()).problems, SizeIs(0));
}

TEST(JsonlSinkProcesses, SeveralWritersAndAKillLeaveWholeLines) {
  TemporaryFolder folder;
  const auto path = folder / "shared";
  std::vector<pid_t> children;
  for (int child = 0; child < 4; ++child) {
    const auto pid = ::fork();
    if (pid == 0) {
      const auto sink = JsonlSink::open(path).value();
      const std::string name =
          "child " + std::to_string(child) + std::string(200 * static_cast<std::size_t>(child), 'x');
      for (std::uint64_t i = 0;; ++i) sink->write(named(name, i));
    }
    children.push_back(pid);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  for (const auto child : children) ::kill(child, SIGKILL);
  for (const auto child : children) ::waitpid(child, nullptr, 0);
  const auto trace = read_file(path);
  // A kill may cut the line that a child was writing; none of another.
  EXPECT_LE(trace.problems.size(), children.size());
  std::map<std::string, std::uint64_t> expected;
  for (const auto& record : trace.records) EXPECT_EQ(record.seq, expected[record.module]++) << "a line was lost";
  EXPECT_THAT(expected, SizeIs(children.size()));
}

}  // namespace
}  // namespace fvhooks
