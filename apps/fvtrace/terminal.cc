#include "terminal.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace fvtrace {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

bool stdout_shows_colour() {
  return isatty(STDOUT_FILENO) != 0 && environment("NO_COLOR").empty() && environment("TERM") != "dumb";
}

std::optional<std::size_t> stdout_width() {
  winsize size{};
  const bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0;
  return is_known ? std::optional<std::size_t>(size.ws_col) : std::nullopt;
}

Written write_out(std::string_view text) {
  while (!text.empty()) {
    const auto written = write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      return Written::ReaderLeft;
    } else if (errno != EINTR) {
      spdlog::error("standard output: {}", std::strerror(errno));
      return Written::Failed;
    }
  }
  return Written::Whole;
}

bool print(std::string_view text) { return write_out(text) != Written::Failed; }

ProgressLine::ProgressLine(std::string what, bool is_wanted)
    : what_(std::move(what)),
      is_wanted_(is_wanted && isatty(STDERR_FILENO) != 0),
      next_(Clock::now() + std::chrono::seconds(1)) {}

void ProgressLine::update(double fraction) {
  const auto now = Clock::now();
  if (!is_wanted_ || now < next_) return;
  next_ = now + std::chrono::milliseconds(200);
  is_shown_ = true;
  fmt::print(stderr, "\r{}: {:.0f} %", what_, 100 * fraction);
  std::fflush(stderr);
}

void ProgressLine::clear() {
  constexpr auto kEraseLine = "\r\x1b[K";
  if (is_shown_) fmt::print(stderr, kEraseLine);
  is_shown_ = false;
}

}  // namespace fvtrace
