#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "fvhooks/warning.h"

namespace fvhooks::testing {

class CapturedWarnings {
 public:
  CapturedWarnings() {
    before_ = set_warning_handler([this](std::string_view message) { messages_.emplace_back(message); });
  }
  ~CapturedWarnings() { set_warning_handler(before_); }
  CapturedWarnings(const CapturedWarnings&) = delete;
  CapturedWarnings& operator=(const CapturedWarnings&) = delete;
  const std::vector<std::string>& messages() const { return messages_; }

 private:
  WarningHandler before_;
  std::vector<std::string> messages_;  // handlers are called one at a time
};

}  // namespace fvhooks::testing
