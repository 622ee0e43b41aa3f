#pragma once
// What torch's exceptions say, for a record or a warning.
#include <algorithm>
#include <exception>
#include <string>

namespace fvhooks::internal {

// The first line: torch appends a stack trace.
inline std::string message_of(const std::exception& error) {
  std::string message = error.what();
  message.erase(std::min(message.find('\n'), message.size()));
  return message.empty() ? "torch could not read it" : message;
}

}  // namespace fvhooks::internal
