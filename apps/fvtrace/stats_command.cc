#include "stats_command.h"

#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "exit_status.h"
#include "fvhooks/trace_reader.h"
#include "manual.h"
#include "report/table.h"
#include "terminal.h"
#include "trace_overview.h"

namespace fvtrace {
namespace {

const Manual kManual = {
    "say what is in a trace",
    "Counts records, runs, ranks, modules, steps, calls, dtypes and statistics; says where NaN or infinity first "
    "shows,\n"
    "in the order of the file, and which record has the largest finite magnitude (by abs_max, else by min and max).\n\n"
    "--json writes one object: path, problem_count, records, inputs, with_sketch, runs, roots, ranks, modules (how "
    "many),\n"
    "steps, outside_steps (records), calls (at most, of a module in a step), dtypes and statistics (records of each),\n"
    "non_finite (records, nan, inf, first) and largest (abs_max, place); first and place are null or hold root, "
    "module,\n"
    "tensor, step, call, rank and line. Non-finite numbers are strings, as in a trace.",
    "fvtrace stats trace.jsonl\n"
    "zstdcat trace.jsonl.zst | fvtrace stats -\n"
    "fvtrace stats --json trace.jsonl | jq .non_finite.first",
    "0   done\n"
    "2   could not run: usage, a file that cannot be read or holds no record, output that cannot be written",
    ""};

struct StatsArguments {
  std::string path;
  bool json = false, no_progress = false;
};

int run(const StatsArguments& arguments) {
  auto reader = fvhooks::TraceReader::open(arguments.path);
  if (!reader) {
    spdlog::error(reader.error().message);
    return kCouldNotRun;
  }
  TraceOverview overview;
  ProgressLine progress("reading " + fvhooks::internal::printable(arguments.path), !arguments.no_progress);
  fvhooks::Record record;
  bool has_record = false;
  while (reader->next(record)) {
    has_record = true;
    overview.add(record, reader->line());
    const auto total = reader->bytes_total();
    if (total && *total > 0) progress.update(static_cast<double>(reader->bytes_read()) / static_cast<double>(*total));
  }
  progress.clear();
  if (!has_record) {
    spdlog::error("trace '{}' holds no record", fvhooks::internal::printable(arguments.path));
    return kCouldNotRun;
  }
  const auto text = arguments.json ? overview.json(arguments.path, reader->problem_count())
                                   : overview.text(arguments.path, reader->problem_count());
  return print(text) ? kDone : kCouldNotRun;
}

}  // namespace

void add_stats(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("stats");
  describe(*command, kManual);
  const auto arguments = std::make_shared<StatsArguments>();
  command->add_option("FILE", arguments->path, "The trace; - is standard input")->required()->option_text(" ");
  command->add_flag("--json", arguments->json, "Write one object of JSON");
  command->add_flag("--no-progress", arguments->no_progress, "No progress line on a terminal");
  command->callback([arguments, &action] { action = [arguments] { return run(*arguments); }; });
}

}  // namespace fvtrace
