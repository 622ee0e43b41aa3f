#pragma once
// What the command knows of the terminal that it talks to.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fvtrace {

// A terminal, NO_COLOR (no-color.org) unset or empty, and TERM not "dumb".
bool stdout_shows_colour();
std::optional<std::size_t> stdout_width();  // nothing: it is no terminal

// Writes to standard output. A reader that has left (`| head`) is no failure; a full disk is: it is reported.
enum class Written : std::uint8_t { Whole, ReaderLeft, Failed };
Written write_out(std::string_view text);
bool print(std::string_view text);  // false: failed

// One line on standard error, if that is a terminal, from the first second on.
class ProgressLine {
 public:
  ProgressLine(std::string what, bool is_wanted);
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void update(double fraction);
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  std::string what_;
  bool is_wanted_;
  bool is_shown_ = false;
  Clock::time_point next_;
};

}  // namespace fvtrace
