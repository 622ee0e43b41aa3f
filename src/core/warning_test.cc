#include "fvhooks/warning.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
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

}  // namespace
}  // namespace fvhooks
