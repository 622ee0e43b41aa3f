#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>

#include "diff_command.h"
#include "exit_status.h"
#include "fvhooks/warning.h"

namespace {

void log_to_standard_error() {
  spdlog::set_default_logger(spdlog::stderr_color_mt("fvtrace"));
  spdlog::set_pattern("%n: %^%l%$: %v");
  fvhooks::set_warning_handler([](std::string_view message) { spdlog::warn(message); });
}

int run(int argc, char** argv) {
  CLI::App app("Reads and compares activation traces: where does a port of a model first go wrong?", "fvtrace");
  app.set_version_flag("--version", "fvtrace " FVHOOKS_VERSION);
  app.require_subcommand(1);
  app.footer("`fvtrace COMMAND --help` has examples.");
  fvtrace::Action action;
  fvtrace::add_diff(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);  // prints help, version or what was wrong
    return status == 0 ? 0 : fvtrace::kCouldNotRun;
  }
  return action();
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // `| head` must not turn a verdict into a signal
  log_to_standard_error();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {  // out of memory, most likely
    spdlog::error(error.what());
    return fvtrace::kCouldNotRun;
  }
}
