#include "fvhooks/warning.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace fvhooks {
namespace {

TEST(Warning, GoesToTheHandlerAndNowhereElse) {
  std::vector<std::string> heard;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const auto before = set_warning_handler([&](std::string_view message) { heard.emplace_back(message); });
  EXPECT_TRUE(has_warning_handler());
  warn("the disk is full");
  set_warning_handler(before);
  warn("nobody listens");
  EXPECT_EQ(heard, std::vector<std::string>{"the disk is full"});
  EXPECT_EQ(testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr(), "");
}

TEST(Warning, ThrowingHandlerNeverReachesTheCaller) {
  const auto before = set_warning_handler([](std::string_view) { throw std::runtime_error("no"); });
  EXPECT_NO_THROW(warn("x"));
  set_warning_handler(before);
}

TEST(Warning, HandlerMayReplaceItselfAndWarn) {
  int heard = 0;
  const auto before = set_warning_handler([&](std::string_view) {
    ++heard;
    set_warning_handler([&](std::string_view) { ++heard; });
    warn("from inside");
  });
  warn("first");
  set_warning_handler(before);
  EXPECT_EQ(heard, 2);
}

TEST(Warning, ForkedChildWarnsThoughAnotherThreadWasInTheHandler) {
  std::promise<void> entered, forked;
  const auto before = set_warning_handler([&](std::string_view) {
    entered.set_value();
    forked.get_future().wait();
  });
  std::thread other([] { warn("slow"); });
  entered.get_future().wait();
  const auto child = fork();
  if (child == 0) {
    alarm(20);  // a deadlock ends in a signal
    set_warning_handler({});
    warn("from the child");
    _exit(0);
  }
  forked.set_value();
  other.join();
  set_warning_handler(before);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace fvhooks
