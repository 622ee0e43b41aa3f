#include "show_command.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "exit_status.h"
#include "fvhooks/trace_reader.h"
#include "growing_file.h"
#include "is_count.h"
#include "manual.h"
#include "problems.h"
#include "record_filter.h"
#include "report/table.h"
#include "rows.h"

namespace fvtrace {
namespace {

const Manual kManual = {
    "show the records of a trace",
    "Shows the records of a trace that pass every filter given, one a line, in the order of the file. Without "
    "--columns\n"
    "the table has module, tensor, step, call and the statistics of the first record shown.\n\n"
    "In a GLOB, * is any text, dots too, and ? any one character. A column is a key of the record (module, tensor, "
    "step,\n"
    "call, seq, run, root, rank, nan, inf, sketch), a statistic (abs_mean, std, ...), or `line`.\n\n"
    "--sort shows 100 rows unless --head says how many (0: all, which are then held in memory); without it any file "
    "is\n"
    "read in little memory. Lines that are no records are named on standard error.",
    "fvtrace show trace.jsonl\n"
    "fvtrace show trace.jsonl --module 'blocks.*.attn1' --tensor out --step 0-3\n"
    "fvtrace show trace.jsonl --sort abs_max --reverse --head 10     the largest activations\n"
    "fvtrace show trace.jsonl --non-finite --head 1                  where NaN or infinity first shows\n"
    "fvtrace show trace.jsonl --follow                               while the model runs\n"
    "fvtrace show trace.jsonl --regex '^blocks\\.[0-4]\\.' --json | jq .std",
    "0   shown, though it be nothing\n"
    "2   could not run: usage, a file that cannot be read, output that cannot be written",
    ""};

constexpr std::size_t kSortedByDefault = 100;

struct ShowArguments {
  std::string path, regex, steps, sort;
  std::vector<std::string> columns;
  RecordFilter filter;
  std::optional<std::size_t> head, tail;
  bool reverse = false, json = false, follow = false;
};

// Makes rows of records and knows where they go. The columns are settled by the first record.
class Show {
 public:
  explicit Show(const ShowArguments& arguments) : arguments_(arguments), columns_(arguments.columns) {}

  bool add(const fvhooks::Record& record, std::uint64_t line) {
    if (!arguments_.filter.passes(record)) return true;
    if (!rows_) start(record);
    ShownRow row;
    if (!arguments_.sort.empty()) {
      row.key = sort_key(record, line, arguments_.sort);
      is_sortable_ = is_sortable_ || row.key.number || !row.key.text.empty();
    }
    if (arguments_.json) {
      row.cells.emplace_back();
      append_json(row.cells.back(), record);
      row.cells.back().pop_back();  // its newline
    } else {
      for (const auto& column : columns_) row.cells.push_back(cell(record, line, column));
      for (std::size_t i = 0; i < columns_.size(); ++i) has_value_[i] = has_value_[i] || !row.cells[i].empty();
    }
    return rows_->add(std::move(row));
  }

  Written flush() { return rows_ ? rows_->flush() : Written::Whole; }

  void warn_of_nothing() const {
    if (!rows_) spdlog::warn("{}: no record passes the filter", fvhooks::internal::printable(arguments_.path));
    for (std::size_t i = 0; i < has_value_.size(); ++i) {
      if (!has_value_[i] && !arguments_.columns.empty() && !arguments_.json) warn_that_none_has(columns_[i]);
    }
    if (rows_ && !arguments_.sort.empty() && !is_sortable_) warn_that_none_has(arguments_.sort);
  }

 private:
  static void warn_that_none_has(const std::string& column) {
    spdlog::warn("no record shown has \"{}\"", fvhooks::internal::printable(column));
  }

  void start(const fvhooks::Record& record) {
    if (columns_.empty()) columns_ = usual_columns(record);
    has_value_.resize(columns_.size());
    auto most = arguments_.head;
    if (!arguments_.sort.empty() && !most) most = kSortedByDefault;
    if (most == 0U) most.reset();
    rows_ = printed_rows(arguments_.json ? std::vector<std::string>() : columns_, most);
    if (!arguments_.sort.empty()) rows_ = sorted_rows(most, arguments_.reverse, std::move(rows_));
    if (arguments_.tail) rows_ = last_rows(*arguments_.tail, std::move(rows_));
  }

  const ShowArguments& arguments_;
  std::vector<std::string> columns_;
  std::vector<bool> has_value_;
  bool is_sortable_ = false;  // some record has what is sorted by
  std::unique_ptr<Rows> rows_;
};

int status_of(Written written) { return written == Written::Failed ? kCouldNotRun : kDone; }

int show_file(const ShowArguments& arguments) {
  auto reader = fvhooks::TraceReader::open(arguments.path);
  if (!reader) {
    spdlog::error(reader.error().message);
    return kCouldNotRun;
  }
  Show show(arguments);
  fvhooks::Record record;
  while (reader->next(record) && show.add(record, reader->line())) continue;
  const auto written = show.flush();
  if (written == Written::Whole) show.warn_of_nothing();
  warn_of_problems(arguments.path, *reader);
  return status_of(written);
}

// Ends when the reader leaves, when --head is reached, or by a signal.
int follow_file(const ShowArguments& arguments) {
  constexpr auto kPause = std::chrono::milliseconds(100);
  auto file = GrowingFile::open(arguments.path);
  if (!file) {
    spdlog::error(file.error().message);
    return kCouldNotRun;
  }
  Show show(arguments);
  std::uint64_t lines_before = 0;
  while (true) {
    auto text = file->appended();
    if (!text) {
      spdlog::error(text.error().message);
      return kCouldNotRun;
    }
    if (text->empty()) {
      if (const auto written = show.flush(); written != Written::Whole) return status_of(written);
      std::this_thread::sleep_for(kPause);
      continue;
    }
    const auto lines = static_cast<std::uint64_t>(std::ranges::count(*text, '\n'));
    auto reader = fvhooks::TraceReader::from_text(*std::move(text));
    fvhooks::Record record;
    while (reader.next(record)) {
      if (!show.add(record, lines_before + reader.line())) return status_of(show.flush());
    }
    warn_of_problems(arguments.path, reader, lines_before);
    lines_before += lines;
  }
}

// Options whose text needs more than CLI11 knows. False: the reason was printed.
bool read_filter(ShowArguments& arguments) {
  auto steps = fvhooks::StepFilter::parse(arguments.steps);
  if (!steps) {
    spdlog::error("--step {}: {}", arguments.steps, steps.error().message);
    return false;
  }
  arguments.filter.steps = *std::move(steps);
  if (arguments.regex.empty()) return true;
  auto regex = fvhooks::internal::PythonRegex::compile(arguments.regex);
  if (!regex) {
    spdlog::error("--regex: {}", regex.error().message);
    return false;
  }
  arguments.filter.regex = *std::move(regex);
  return true;
}

int run(ShowArguments& arguments) {
  if (!read_filter(arguments)) return kCouldNotRun;
  return arguments.follow ? follow_file(arguments) : show_file(arguments);
}

void add_filter_options(CLI::App& command, ShowArguments& arguments) {
  auto& filter = arguments.filter;
  const auto* group = "Filters";
  command.add_option("--module", filter.modules, "Modules whose whole name matches GLOB; repeatable")
      ->option_text("GLOB")
      ->allow_extra_args(false)
      ->group(group);
  command.add_option("--regex", arguments.regex, "Modules in whose name REGEX, in Python's syntax, is found")
      ->option_text("REGEX")
      ->group(group);
  command.add_option("--tensor", filter.tensors, "Tensors whose whole label matches GLOB; repeatable")
      ->option_text("GLOB")
      ->allow_extra_args(false)
      ->group(group);
  command.add_option("--step", arguments.steps, "Steps, as 0,2,10-19")->option_text("STEPS")->group(group);
  command.add_option("--call", filter.call, "Only this call in each step")
      ->check(is_count)
      ->option_text("N")
      ->group(group);
  command.add_option("--rank", filter.rank, "Only this rank")->option_text("N")->group(group);
  command.add_option("--run", filter.run, "Only this run")->option_text("RUN")->group(group);
  command.add_option("--root", filter.root, "Only this component")->option_text("NAME")->group(group);
  command.add_flag("--non-finite", filter.non_finite, "Only records with NaN or infinity")->group(group);
}

}  // namespace

void add_show(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("show");
  describe(*command, kManual);
  const auto arguments = std::make_shared<ShowArguments>();
  command->add_option("FILE", arguments->path, "The trace; - is standard input")->required()->option_text(" ");
  add_filter_options(*command, *arguments);
  auto* columns = command->add_option("--columns", arguments->columns, "What to show of each record")
                      ->delimiter(',')
                      ->allow_extra_args(false)
                      ->option_text("NAME,NAME,...");
  auto* sort =
      command->add_option("--sort", arguments->sort, "Order by a column, the least first")->option_text("COLUMN");
  command->add_flag("--reverse", arguments->reverse, "The greatest first")->needs(sort);
  auto* head = command->add_option("--head", arguments->head, "Show the first N rows only; 0: all")
                   ->check(is_count)
                   ->option_text("N");
  command->add_option("--tail", arguments->tail, "Show the last N rows only")
      ->check(is_count)
      ->option_text("N")
      ->excludes(head)
      ->excludes(sort);
  command->add_flag("--json", arguments->json, "Show whole records, each as one line of JSON")->excludes(columns);
  command->add_flag("-f,--follow", arguments->follow, "Wait for what is appended, as tail -f does")->excludes(sort);
  command->callback([arguments, &action] { action = [arguments] { return run(*arguments); }; });
}

}  // namespace fvtrace
