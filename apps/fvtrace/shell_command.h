#pragma once
// Runs a command of the user's, and ends it if this program is told to end.
#include <map>
#include <string>
#include <vector>

#include "fvhooks/expected.h"

namespace fvtrace {

struct CommandResult {
  int status = 0;            // its exit status, 128 and the signal that ended it
  bool interrupted = false;  // SIGINT, SIGTERM or SIGHUP came meanwhile
};

// By /bin/sh, with nothing to read. What it prints goes to the file `log`. FASTVIDEO_TRACE_* are those of
// `environment`, and no others. Whatever it started in its process group ends with it where this program is
// interrupted.
fvhooks::Expected<CommandResult> run_shell_command(const std::string& command,
                                                   const std::map<std::string, std::string>& environment,
                                                   const std::string& log);

// The last lines of a file, for an error message.
std::string last_lines(const std::string& path, std::size_t count);

// While one lives, the signals above set a flag in the place of ending the program.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  static bool is_interrupted() noexcept;
};

}  // namespace fvtrace
