#include "diff_command.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <memory>

#include "captured_trace.h"
#include "exit_status.h"
#include "fvhooks/diff.h"
#include "fvhooks/name_map.h"
#include "fvhooks/report.h"
#include "fvhooks/tensor_report.h"
#include "is_count.h"
#include "manual.h"
#include "terminal.h"

namespace fvtrace {
namespace {

const Manual kManual = {
    "compare the trace of a port with that of its reference and name the module that first goes wrong",
    "Records are paired on (module, tensor, step, call) and held against a threshold, in the reference's order of\n"
    "execution. With inputs recorded (FASTVIDEO_TRACE_INPUTS=1 on both sides) the verdict tells the module that\n"
    "introduced an error from those that pass it on.\n\n"
    "A trace is a file, also one that zstd compressed; a folder of *.jsonl; a quoted pattern (\"trace-*.jsonl\"); or "
    "a\n"
    "path with <rank> in it. Several files on one side are the ranks of one run. - is standard input.",
    "fvtrace diff reference.jsonl port.jsonl\n"
    "fvtrace diff \"reference-<rank>.jsonl\" \"port-<rank>.jsonl\"      all ranks of a run\n"
    "fvtrace diff --noise rerun.jsonl reference.jsonl port.jsonl    floors from a variation of the reference\n"
    "fvtrace diff --fail-on diverged,shape,non-finite reference.jsonl port.jsonl\n"
    "fvtrace diff --map map.txt reference.jsonl port.jsonl          modules have other names in the port\n"
    "fvtrace diff --html report.html reference.jsonl port.jsonl     a page to look at\n"
    "fvtrace diff --tensors captures-a captures-b reference.jsonl port.jsonl   where inside a tensor\n"
    "fvtrace diff --rtol 1e-4 reference.jsonl port.jsonl            one threshold for every record\n"
    "fvtrace diff --json reference.jsonl - < port.jsonl             for programs",
    "0   at least one pair was compared, and no record has a status of --fail-on\n"
    "1   some record has, or nothing was compared\n"
    "2   could not run",
    kTerminalEnvironment};

struct DiffArguments {
  std::string reference, port;
  std::vector<std::string> tensors;  // two folders of captures, or none
  std::string html;
  std::string map, reversed_map;
  std::optional<double> rtol;
  std::vector<std::string> noise;
  std::vector<std::string> fail_on;
  std::string dtype = "float32";
  bool json = false, no_progress = false;
  std::size_t rows = 40;
};

// "bfloat16" as well as "torch.bfloat16"
std::optional<fvhooks::DType> dtype_named(const std::string& name) {
  return fvhooks::dtype_from_torch_name(name.starts_with("torch.") ? name : "torch." + name);
}

// What --fail-on takes in the place of all statuses but equal, within and reordered.
std::vector<std::string> usual_failures() {
  std::vector<std::string> names;
  for (const auto status : fvhooks::DiffOptions().fail_on) names.emplace_back(fvhooks::status_name(status));
  return names;
}

std::vector<fvhooks::Status> statuses(const std::vector<std::string>& names) {
  std::vector<fvhooks::Status> found;
  for (const auto& name : names) {
    if (const auto status = fvhooks::status_named(name)) found.push_back(*status);  // checked when parsed
  }
  return found;
}

// Nothing: names are as they are.
fvhooks::Expected<std::optional<fvhooks::NameMap>> read_names(const DiffArguments& arguments) {
  using fvhooks::MapDirection;
  if (arguments.map.empty() && arguments.reversed_map.empty()) return std::optional<fvhooks::NameMap>();
  auto names = arguments.map.empty() ? fvhooks::NameMap::read(arguments.reversed_map, MapDirection::ReferenceToPort)
                                     : fvhooks::NameMap::read(arguments.map, MapDirection::PortToReference);
  if (!names) return names.error();
  return std::optional(*std::move(names));
}

// What is compared: the traces given, else what was captured.
struct Traces {
  std::string reference, port;
  std::vector<TemporaryTrace> made;
};

fvhooks::Expected<Traces> traces_of(const DiffArguments& arguments) {
  Traces traces{arguments.reference, arguments.port, {}};
  if (!traces.reference.empty()) return traces;
  for (const auto& folder : arguments.tensors) {
    const auto captures = fvhooks::CaptureDirectory::open(folder);
    if (!captures) return captures.error();
    auto trace = TemporaryTrace::of(*captures);
    if (!trace) return trace.error();
    traces.made.push_back(*std::move(trace));
  }
  traces.reference = traces.made[0].path();
  traces.port = traces.made[1].path();
  return traces;
}

void name_captures(fvhooks::Verdict& verdict, const std::vector<std::string>& folders) {
  verdict.reference.path = folders[0];
  verdict.reference.files = {folders[0]};
  verdict.port.path = folders[1];
  verdict.port.files = {folders[1]};
  verdict.notes.push_back("no traces were given: statistics and sketches are of the captured tensors");
}

int run(const DiffArguments& arguments) {
  const auto names = read_names(arguments);
  if (!names) {
    spdlog::error(names.error().message);
    return kCouldNotRun;
  }
  fvhooks::DiffOptions options;
  options.names = *names ? &**names : nullptr;
  options.rtol = arguments.rtol;
  options.noise = arguments.noise;
  options.fail_on = statuses(arguments.fail_on);
  options.assumed_dtype = dtype_named(arguments.dtype).value_or(fvhooks::DType::Float32);  // checked when parsed
  if (!arguments.html.empty()) {                                                           // before the long work
    if (const auto page = fvhooks::check_html_path(arguments.html); !page) {
      spdlog::error(page.error().message);
      return kCouldNotRun;
    }
  }
  ProgressLine progress("reading traces", !arguments.no_progress);
  options.progress = [&](double fraction) { progress.update(fraction); };

  const auto traces = traces_of(arguments);
  if (!traces) {
    spdlog::error(traces.error().message);
    return kCouldNotRun;
  }
  auto verdict = fvhooks::diff_traces(traces->reference, traces->port, options);
  progress.clear();
  if (!verdict) {
    spdlog::error(verdict.error().message);
    return kCouldNotRun;
  }
  if (!traces->made.empty()) name_captures(*verdict, arguments.tensors);
  std::optional<fvhooks::TensorReport> tensors;
  if (!arguments.tensors.empty()) {
    auto compared = fvhooks::compare_tensors(*verdict, arguments.tensors[0], arguments.tensors[1], options.names);
    if (!compared) {
      spdlog::error(compared.error().message);
      return kCouldNotRun;
    }
    tensors = *std::move(compared);
  }
  auto written = Written::Whole;
  const auto write = [&](std::string_view text) {
    if (written == Written::Whole) written = write_out(text);
  };
  if (arguments.json) {
    fvhooks::write_json_report(*verdict, write, tensors ? &*tensors : nullptr);
  } else {
    fvhooks::TerminalStyle style{.colour = stdout_shows_colour(), .rows = arguments.rows};
    if (const auto width = stdout_width()) {
      style.width = *width;
      style.wraps = true;
    }
    write(fvhooks::terminal_report(*verdict, style));
    if (tensors) write(fvhooks::terminal_tensor_report(*tensors, style));
  }
  if (written == Written::Failed) return kCouldNotRun;
  if (!arguments.html.empty()) {
    if (const auto page =
            fvhooks::write_html_report(*verdict, arguments.html, {.tensors = tensors ? &*tensors : nullptr});
        !page) {
      spdlog::error(page.error().message);
      return kCouldNotRun;
    }
  }
  return verdict->passed ? kAllWithin : kDiverged;
}

// Not CLI::Range, which lets NaN through.
bool is_tolerance(const std::string& text) {
  double rtol = 0;
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, rtol);
  return parsed.ec == std::errc{} && parsed.ptr == end && std::isfinite(rtol) && rtol >= 0;
}

}  // namespace

void add_diff(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("diff");
  describe(*command, kManual);
  const auto arguments = std::make_shared<DiffArguments>();
  arguments->fail_on = usual_failures();
  command->add_option("REFERENCE", arguments->reference, "Trace of the reference: file, folder, pattern or -");
  command->add_option("PORT", arguments->port, "Trace of the port, likewise");
  command
      ->add_option("--rtol", arguments->rtol,
                   "Relative L2 error allowed everywhere, in place of the model from dtype and depth")
      ->check([](const std::string& text) {
        return is_tolerance(text) ? std::string() : text + " is no tolerance: write a finite number, not negative";
      });
  command
      ->add_option(
          "--noise", arguments->noise,
          "Trace of a legitimate variation of the reference (another thread count, kernel, dtype): its distance "
          "is the floor of each record; may be given again")
      ->option_text("TRACE")
      ->allow_extra_args(false);
  command
      ->add_option("--fail-on", arguments->fail_on,
                   "Statuses that make the comparison fail, comma-separated; nothing compared always does")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->option_text("LIST")
      ->check([](const std::string& name) {
        if (name.empty()) return std::string("a status is missing: write for example diverged,shape,non-finite");
        return fvhooks::status_named(name) ? std::string()
                                           : name + " is no status (diverged, missing, ...: docs/diff.md)";
      });
  command->add_option("--dtype", arguments->dtype, "Dtype assumed of records that do not say theirs")
      ->check([](const std::string& name) {
        return dtype_named(name) ? std::string() : name + " is no dtype (float32, bfloat16, float16, float64, ...)";
      })
      ->capture_default_str();
  command
      ->add_option("--rows", arguments->rows, "Rows of the table, the first failure among them; 0 shows every record")
      ->check(is_count)
      ->capture_default_str();
  auto* map = command
                  ->add_option("--map", arguments->map,
                               "Rules for names: the port's = the reference's (docs/map.md); `fvtrace map` writes them")
                  ->option_text("FILE");
  command->add_option("--map-reversed", arguments->reversed_map, "Rules of which the left side is the reference's")
      ->option_text("FILE")
      ->excludes(map);
  command->add_option("--html", arguments->html, "Also write one self-contained page to look at (docs/report.md)")
      ->option_text("FILE");
  command->add_flag("--json", arguments->json, "Write the whole verdict as JSON (docs/diff.md)");
  command->add_flag("--no-progress", arguments->no_progress, "No progress line on a terminal");
  command
      ->add_option("--tensors", arguments->tensors,
                   "Folders of captures (FASTVIDEO_TRACE_CAPTURE), the reference's and the port's: shows where inside "
                   "a tensor they part; without traces, the captures are compared")
      ->type_size(2)
      ->expected(1)
      ->allow_extra_args(false)
      ->option_text("DIR_A DIR_B");
  command->callback([arguments, &action] {
    const bool has_traces = !arguments->reference.empty() && !arguments->port.empty();
    if (!has_traces && (arguments->tensors.empty() || !arguments->reference.empty()))
      throw CLI::RequiredError("REFERENCE and PORT, or --tensors,");
    action = [arguments] { return run(*arguments); };
  });
}

}  // namespace fvtrace
