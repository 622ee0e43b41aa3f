#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>

#include "bisect_command.h"
#include "check_command.h"
#include "diff_command.h"
#include "exit_status.h"
#include "fvhooks/warning.h"
#include "manual.h"
#include "map_command.h"
#include "offload_plan_command.h"
#include "show_command.h"
#include "stats_command.h"

namespace {

const fvtrace::Manual kManual = {
    "read and compare activation traces: where does a port of a model first go wrong?",
    "A trace is a file of JSON lines, one a tensor, that FastVideo's tracer or fvhooks wrote (docs/record.md). `-` is\n"
    "standard input.",
    "fvtrace diff reference.jsonl port.jsonl     the module that first goes wrong\n"
    "fvtrace COMMAND --help                      more of each command",
    "0   done, and nothing is wrong\n"
    "1   the traces differ, or a trace is not as it should be\n"
    "2   could not run",
    fvtrace::kTerminalEnvironment};

void log_to_standard_error() {
  spdlog::set_default_logger(spdlog::stderr_color_mt("fvtrace"));
  spdlog::set_pattern("%n: %^%l%$: %v");
  fvhooks::set_warning_handler([](std::string_view message) { spdlog::warn(message); });
}

int run(int argc, char** argv) {
  CLI::App app("", "fvtrace");
  fvtrace::describe(app, kManual);
  app.set_version_flag("--version", "fvtrace " FVHOOKS_VERSION);
  app.add_flag_callback("--man", [&app] { throw CLI::CallForVersion(fvtrace::manual_page(app), 0); })->group("");
  app.require_subcommand(1);
  fvtrace::Action action;
  fvtrace::add_diff(app, action);
  fvtrace::add_bisect(app, action);
  fvtrace::add_map(app, action);
  fvtrace::add_show(app, action);
  fvtrace::add_stats(app, action);
  fvtrace::add_check(app, action);
  fvtrace::add_offload_plan(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {  // also where the command's name is not one: say which
    const auto unknown = app.remaining();
    unknown.empty() ? app.exit(error) : app.exit(CLI::ExtrasError(unknown));
    return fvtrace::kCouldNotRun;
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
