#include "bisect_command.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "bisect.h"
#include "core/counted.h"
#include "exit_status.h"
#include "manual.h"
#include "report/json_parts.h"
#include "shell_command.h"
#include "terminal.h"

namespace fvtrace {
namespace {

namespace fs = std::filesystem;
using fvhooks::Introducer;
using fvhooks::internal::counted;
using fvhooks::internal::JsonWriter;
using fvhooks::internal::write_texts;

const Manual kManual = {
    "run a reference and a port, as often as it takes, and name all modules of the port that are wrong by themselves",
    "The reference is run with its tensors captured (FASTVIDEO_TRACE_CAPTURE), then the port with each module's "
    "output\n"
    "replaced by the reference's (FASTVIDEO_TRACE_INJECT): no module inherits another one's error, and each is held\n"
    "against the rounding of its own operation. Modules that were given something wrong are judged in one more run, "
    "with\n"
    "the right inputs. Where captures would take more than --limit, one level of modules is looked at after the "
    "other,\n"
    "down to the smallest modules that are wrong. Both programs must attach a trace and compute the same each time.\n\n"
    "The commands are run by /bin/sh; what they print is kept with --keep. docs/inject.md has the method,\n"
    "docs/find-all-the-bugs.md an example to follow.",
    "fvtrace bisect --reference 'python reference.py' --port './port --dtype fp32'\n"
    "fvtrace bisect --steps 0 --limit 2G --reference CMD --port CMD     the first step, in 2 GiB of disk\n"
    "fvtrace bisect --map map.txt --reference CMD --port CMD            modules have other names in the port",
    "0   no module is wrong by itself, and all records could be compared\n"
    "1   some module is, or some record could not be compared\n"
    "2   could not run",
    "TMPDIR     where captures and traces are kept meanwhile, unless --keep says"};

struct BisectArguments {
  std::string reference, port, keep, steps, map;
  std::vector<std::string> noise;
  std::uint64_t limit = std::uint64_t{8} << 30;
  std::optional<double> rtol;
  bool json = false;
};

// A folder that vanishes with all that is in it, unless it is to be kept.
class WorkFolder {
 public:
  static fvhooks::Expected<WorkFolder> make(const std::string& keep) {
    std::error_code failed;
    if (!keep.empty()) {
      fs::create_directories(keep, failed);
      if (failed) return fvhooks::Error{keep + ": " + failed.message()};
      if (!fs::is_empty(keep, failed) || failed)
        return fvhooks::Error{keep + ": --keep takes a new or an empty folder"};
      return WorkFolder(keep, true);
    }
    std::string path = fs::temp_directory_path(failed) / "fvtrace-bisect-XXXXXX";
    if (failed || !::mkdtemp(path.data())) return fvhooks::Error{path + ": " + std::strerror(errno)};
    return WorkFolder(path, false);
  }
  WorkFolder(WorkFolder&& other) noexcept : path_(std::exchange(other.path_, {})), is_kept_(other.is_kept_) {}
  WorkFolder& operator=(WorkFolder&&) = delete;
  ~WorkFolder() {
    std::error_code ignored;
    if (!path_.empty() && !is_kept_) fs::remove_all(path_, ignored);
  }
  const std::string& path() const noexcept { return path_; }

 private:
  WorkFolder(std::string path, bool is_kept) : path_(std::move(path)), is_kept_(is_kept) {}
  std::string path_;
  bool is_kept_;
};

std::string name_of(const Introducer& module) {
  if (module.outside) return "what calls the model";
  const auto name = module.module.empty() ? "the root module" : module.module;
  return module.root.empty() ? name : module.root + ": " + name;
}

std::string list_of(const std::vector<Introducer>& wrong) {
  std::string text;
  for (std::size_t i = 0; i < wrong.size(); ++i)
    text += (i == 0 ? "" : i + 1 == wrong.size() ? " and " : ", ") + name_of(wrong[i]);
  return text;
}

// What it all comes to.
std::string sentence(const BisectResult& result) {
  if (result.wrong.empty() && result.failures == 0)
    return fmt::format("No module is wrong by itself: {} agree, each judged alone.", counted(result.records, "record"));
  if (result.wrong.empty())
    return fmt::format("No module is known to be wrong by itself, but of {} {} could not be compared.",
                       counted(result.records, "record"), result.failures);
  return fmt::format("{} {} wrong by {}: {}.", result.wrong.size() == 1 ? "This" : "These",
                     result.wrong.size() == 1 ? "is" : "are", result.wrong.size() == 1 ? "itself" : "themselves",
                     list_of(result.wrong));
}

std::string text_of(const BisectResult& result) {
  std::string text;
  for (const auto& module : result.wrong) {
    const auto step = module.step ? fmt::format("step {}, ", *module.step) : std::string();
    text += fmt::format("{} (first at {}call {}, {} in all)\n  {}\n", name_of(module), step, module.call,
                        counted(module.calls, "call"), module.reason);
    for (const auto& finding : result.diagnosis)
      if (finding.module == module.module) text += fmt::format("  {}: {}\n", finding.kind, finding.evidence);
  }
  for (const auto& module : result.unjudged) text += "not judged in some call: " + module + "\n";
  for (const auto& note : result.notes) text += "note: " + note + "\n";
  return text + sentence(result) + "\n";
}

std::string json_of(const BisectResult& result) {
  JsonWriter json;
  json.begin_object();
  json.member("schema", std::uint64_t{1});
  json.member("sentence", sentence(result));
  json.key("wrong");
  json.begin_array();
  for (const auto& module : result.wrong) {
    json.begin_object();
    json.member("root", module.root);
    json.member("module", module.module);
    json.member("outside", module.outside);
    json.member("step", module.step);
    json.member("call", module.call);
    json.member("rank", module.rank);
    json.member("calls", std::uint64_t{module.calls});
    json.member("reason", module.reason);
    json.end_object();
  }
  json.end_array();
  json.key("diagnosis");
  json.begin_array();
  for (const auto& finding : result.diagnosis) {
    json.begin_object();
    json.member("kind", finding.kind);
    json.member("module", finding.module);
    json.member("evidence", finding.evidence);
    json.end_object();
  }
  json.end_array();
  write_texts(json, "unjudged", result.unjudged);
  write_texts(json, "notes", result.notes);
  json.member("records", std::uint64_t{result.records});
  json.member("failures", std::uint64_t{result.failures});
  json.member("modules", std::uint64_t{result.modules});
  json.member("runs", std::uint64_t{result.runs});
  json.end_object();
  return json.take() + "\n";
}

int run(const BisectArguments& arguments) {
  const InterruptGuard guard;
  const auto work = WorkFolder::make(arguments.keep);
  if (!work) {
    spdlog::error(work.error().message);
    return kCouldNotRun;
  }
  BisectOptions options;
  options.reference = arguments.reference;
  options.port = arguments.port;
  options.noise = arguments.noise;
  options.work = work->path();
  options.limit = arguments.limit;
  options.steps = arguments.steps;
  options.map = arguments.map;
  options.diff.rtol = arguments.rtol;
  options.keeps_captures = !arguments.keep.empty();
  options.say = [](const std::string& line) { spdlog::info(line); };
  const auto result = bisect(options);
  if (!result) {
    spdlog::error(result.error().message);
    return kCouldNotRun;
  }
  if (!print(arguments.json ? json_of(*result) : text_of(*result))) return kCouldNotRun;
  return result->wrong.empty() && result->failures == 0 ? kAllWithin : kDiverged;
}

}  // namespace

void add_bisect(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("bisect");
  describe(*command, kManual);
  const auto arguments = std::make_shared<BisectArguments>();
  command->add_option("--reference", arguments->reference, "Command that runs the reference")
      ->option_text("CMD")
      ->required();
  command->add_option("--port", arguments->port, "Command that runs the port")->option_text("CMD")->required();
  command
      ->add_option("--noise", arguments->noise,
                   "Command that runs a legitimate variation of the reference (another kernel): what each module may "
                   "differ by; may be given again")
      ->option_text("CMD")
      ->allow_extra_args(false);
  command->add_option("--limit", arguments->limit, "Bytes that captures may take on disk at any one time")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->option_text("SIZE [8G]");
  command->add_option("--steps", arguments->steps, "Denoise steps to look at, 0,2,10-19 say; all, if not given")
      ->option_text("LIST");
  command->add_option("--map", arguments->map, "Rules for names: the port's = the reference's (docs/map.md)")
      ->option_text("FILE");
  command
      ->add_option("--rtol", arguments->rtol, "Relative L2 error allowed everywhere, in place of a model of rounding")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--keep", arguments->keep, "Keep traces, captures and what was printed in this new folder")
      ->option_text("DIR");
  command->add_flag("--json", arguments->json, "Write the result as JSON (docs/inject.md)");
  command->callback([arguments, &action] { action = [arguments] { return run(*arguments); }; });
}

}  // namespace fvtrace
