#include "check_command.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "core/counted.h"
#include "exit_status.h"
#include "fvhooks/trace_reader.h"
#include "is_count.h"
#include "manual.h"
#include "report/table.h"
#include "terminal.h"
#include "trace_check.h"

namespace fvtrace {
namespace {

using fvhooks::internal::counted;

const Manual kManual = {
    "check that traces are what docs/record.md says",
    "Reads every line and names, with file and line, what is wrong with it: what is no JSON or no record, a torn "
    "line,\n"
    "a key or statistic of a wrong type, a damaged sketch, numbers that contradict each other; a seq or a place "
    "(module,\n"
    "tensor, step, call) that stands twice in a run. At the end, the seq numbers that are missing of each run: "
    "records\n"
    "that were dropped or lie in another file. Give all files of a run, its ranks and roots, at once.\n\n"
    "It does not see the order of keys, nor that a key stands twice in a line (the last one counts, as in Python).\n"
    "FastVideo's own traces, which have neither call, seq nor run, pass. Memory: at most 24 bytes a record.",
    "fvtrace check trace.jsonl\n"
    "fvtrace check trace.rank*.jsonl\n"
    "fvtrace check --quiet trace.jsonl && echo good",
    "0   no problem\n"
    "1   problems, printed on standard output\n"
    "2   could not run: usage, a file that cannot be read or holds no record, output that cannot be written",
    ""};

struct CheckArguments {
  std::vector<std::string> paths;
  std::size_t most = 100;
  bool quiet = false;
};

// Prints the first problems and counts all.
class Problems {
 public:
  explicit Problems(const CheckArguments& arguments) : arguments_(arguments) {}

  void add(const std::string& where, const std::string& message) {
    if (++count_ > arguments_.most || arguments_.quiet) return;
    keep(print(fvhooks::internal::printable(where + ": " + message) + "\n"));
  }
  void count_only(std::uint64_t number) { count_ += number; }
  void keep(bool was_printed) { is_printed_ = is_printed_ && was_printed; }

  std::uint64_t count() const { return count_; }
  bool is_printed() const { return is_printed_; }

 private:
  const CheckArguments& arguments_;
  std::uint64_t count_ = 0;
  bool is_printed_ = true;
};

// Problems of the reader and of records, in the order of the lines. False: the file cannot be read.
bool check_file(const std::string& path, RunCheck& runs, Problems& problems) {
  auto reader = fvhooks::TraceReader::open(path);
  if (!reader) {
    spdlog::error(reader.error().message);
    return false;
  }
  fvhooks::Record record;
  std::uint64_t records = 0;
  std::size_t told = 0;
  const auto tell_of_reader = [&] {
    for (; told < reader->problems().size(); ++told) {
      const auto& problem = reader->problems()[told];
      problems.add(fmt::format("{}:{}", path, problem.line), problem.message);
    }
  };
  while (reader->next(record)) {
    ++records;
    tell_of_reader();
    const auto complain = [&](const std::string& message) {
      problems.add(fmt::format("{}:{}", path, reader->line()), message);
    };
    check_record(record, complain);
    runs.add(record, complain);
  }
  tell_of_reader();
  problems.count_only(reader->problem_count() - told);
  if (records == 0 && reader->problem_count() == 0) {
    spdlog::error("trace '{}' holds no record", fvhooks::internal::printable(path));
    return false;
  }
  return true;
}

std::string summary(const CheckArguments& arguments, std::uint64_t count) {
  if (count == 0) return fmt::format("{}: no problem\n", counted(arguments.paths.size(), "file"));
  const auto more = count > arguments.most ? fmt::format(", the first {} shown", arguments.most) : std::string();
  return fmt::format("{}{}\n", counted(count, "problem"), more);
}

int run(const CheckArguments& arguments) {
  RunCheck runs;
  Problems problems(arguments);
  for (const auto& path : arguments.paths) {
    if (!check_file(path, runs, problems)) return kCouldNotRun;
  }
  const auto where = arguments.paths.size() == 1 ? arguments.paths.front() : "all files";
  runs.finish([&](const std::string& message) { problems.add(where, message); });
  if (!arguments.quiet) problems.keep(print(summary(arguments, problems.count())));
  if (!problems.is_printed()) return kCouldNotRun;
  return problems.count() == 0 ? kDone : kProblems;
}

}  // namespace

void add_check(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("check");
  describe(*command, kManual);
  const auto arguments = std::make_shared<CheckArguments>();
  command->add_option("FILE", arguments->paths, "Traces; - is standard input")->required()->option_text("...");
  command->add_option("--most", arguments->most, "Problems to print; all are counted")
      ->check(is_count)
      ->option_text("N")
      ->capture_default_str();
  command->add_flag("-q,--quiet", arguments->quiet, "Print nothing; the exit status says it");
  command->callback([arguments, &action] { action = [arguments] { return run(*arguments); }; });
}

}  // namespace fvtrace
