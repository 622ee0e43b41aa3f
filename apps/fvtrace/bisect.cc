#include "bisect.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "core/counted.h"
#include "diff/call_stack.h"
#include "fvhooks/name_map.h"
#include "module_survey.h"
#include "shell_command.h"

namespace fvtrace {
namespace {

namespace fs = std::filesystem;
using fvhooks::Error;
using fvhooks::Expected;
using fvhooks::Introducer;
using fvhooks::Verdict;
using fvhooks::internal::counted;
using fvhooks::internal::is_ancestor;
using Modules = std::set<std::string>;
using Environment = std::map<std::string, std::string>;

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1'000'000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
  if (bytes < 1'000'000'000) return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
  return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
}

// Finds exactly these names.
std::string pattern_of(const Modules& modules) {
  std::string pattern;
  for (const auto& module : modules) {
    if (module.empty()) continue;  // the root has a variable of its own
    pattern += pattern.empty() ? "^(?:" : "|";
    for (const char character : module) {
      const bool is_plain = std::isalnum(static_cast<unsigned char>(character)) != 0 || character == '_';
      if (!is_plain && static_cast<unsigned char>(character) < 0x80) pattern += '\\';
      pattern += character;
    }
  }
  return pattern.empty() ? "(?!)" : pattern + ")$";
}

// Names of the port's modules, and back.
struct Names {
  std::optional<fvhooks::NameMap> to_reference, to_port;

  static Expected<Names> read(const std::string& map) {
    Names names;
    if (map.empty()) return names;
    auto forward = fvhooks::NameMap::read(map, fvhooks::MapDirection::PortToReference);
    if (!forward) return forward.error();
    auto backward = fvhooks::NameMap::read(map, fvhooks::MapDirection::ReferenceToPort);
    if (!backward) return backward.error();
    names.to_reference = *std::move(forward);
    names.to_port = *std::move(backward);
    return names;
  }
  std::string in_port(const std::string& module) const { return to_port ? to_port->to_reference(module) : module; }
};

class Bisection {
 public:
  Bisection(const BisectOptions& options, Names names) : options_(options), names_(std::move(names)) {}

  Expected<BisectResult> run() {
    auto survey = run_reference("all modules", "");
    if (!survey) return survey.error();
    const Modules all = everything(*survey);
    Modules modules = all;
    if (survey->bytes(all) > options_.limit) {
      modules = first_modules(*survey);
      if (survey->bytes(modules) > options_.limit) return too_large(*survey, modules);
      say(fmt::format("all modules would take {}: one level at a time", bytes_text(survey->bytes(all))));
      if (auto again = run_reference(counted(modules.size(), "module"), pattern_of(modules)); !again)
        return again.error();
    }
    return descend(*survey, std::move(modules), all);
  }

 private:
  static Modules everything(const ModuleSurvey& survey) {
    const auto inner = survey.all();
    return {inner.begin(), inner.end()};
  }

  // The outermost, and as many levels below as fit.
  Modules first_modules(const ModuleSurvey& survey) const {
    Modules modules = {""};
    for (const auto& child : survey.children("")) modules.insert(child);
    while (true) {
      Modules deeper = modules;
      for (const auto& module : modules)
        for (const auto& child : survey.children(module)) deeper.insert(child);
      if (deeper == modules || survey.bytes(deeper) > options_.limit) return modules;
      modules = std::move(deeper);
    }
  }

  Error too_large(const ModuleSurvey& survey, const Modules& modules) const {
    return Error{
        fmt::format("the outermost modules alone take {}, and --limit is {}: raise it, or trace fewer steps"
                    " (--steps)",
                    bytes_text(survey.bytes(modules)), bytes_text(options_.limit))};
  }

  // Until nothing wrong has a part that was not looked at.
  Expected<BisectResult> descend(const ModuleSurvey& survey, Modules modules, const Modules& all) {
    while (true) {
      auto verdict = judge(modules, modules == all);
      if (!verdict) return verdict.error();
      const auto parts = unseen_parts(survey, *verdict, modules);
      remember(*verdict, modules.size());
      if (parts.empty()) return std::move(result_);
      auto next = with_parts(survey, modules, parts);
      if (next.empty()) {
        result_.notes.push_back(fmt::format("the parts of what is wrong take more than --limit ({}): not looked at",
                                            bytes_text(options_.limit)));
        return std::move(result_);
      }
      modules = std::move(next);
      ++level_;
      say(fmt::format("{} wrong so far; next, what is inside", counted(result_.wrong.size(), "module")));
      if (auto again = run_reference(counted(modules.size(), "module"), pattern_of(modules)); !again)
        return again.error();
    }
  }

  static Modules unseen_parts(const ModuleSurvey& survey, const Verdict& verdict, const Modules& modules) {
    Modules parts;
    for (const auto& wrong : verdict.wrong) {
      if (wrong.outside) continue;
      for (const auto& child : survey.children(wrong.module))
        if (!modules.contains(child)) parts.insert(child);
    }
    return parts;
  }

  // Empty: they do not fit, not even with nothing but what is wrong around them.
  Modules with_parts(const ModuleSurvey& survey, const Modules& modules, const Modules& parts) const {
    Modules next = modules;
    next.insert(parts.begin(), parts.end());
    if (survey.bytes(next) <= options_.limit) return next;
    next = parts;
    next.insert("");
    for (const auto& wrong : result_.wrong) next.insert(wrong.module);
    return survey.bytes(next) <= options_.limit ? next : Modules();
  }

  // What is wrong by this verdict; and what was so by the last one and has now no part that is.
  void remember(const Verdict& verdict, std::size_t modules) {
    auto before = std::exchange(result_.wrong, verdict.wrong);
    result_.diagnosis = verdict.diagnosis;
    for (auto& module : before) {
      const bool is_explained = std::ranges::any_of(result_.wrong, [&](const Introducer& now) {
        return now.outside == module.outside && now.root == module.root &&
               (now.module == module.module || is_ancestor(module.module, now.module));
      });
      if (is_explained) continue;
      module.reason += "; none of its parts, each alone, is above its floor";
      result_.wrong.push_back(std::move(module));
    }
    result_.unjudged = verdict.unjudged;
    result_.notes = verdict.notes;
    result_.modules = modules;
    result_.records = verdict.size();
    result_.failures = 0;
    for (std::size_t i = 0; i < verdict.size(); ++i) result_.failures += fvhooks::is_failure(verdict.row(i).status);
  }

  // One comparison, or two: what was given wrong inputs is judged with the right ones.
  Expected<Verdict> judge(const Modules& modules, bool is_all) {
    Modules in_port;
    for (const auto& module : modules) in_port.insert(names_.in_port(module));
    const auto pattern = is_all ? std::string() : pattern_of(in_port);
    fvhooks::DiffOptions diff = options_.diff;
    diff.names = names_.to_reference ? &*names_.to_reference : nullptr;
    for (std::size_t i = 0; i < options_.noise.size(); ++i) {
      const auto trace = fmt::format("noise{}", i + 1);
      if (auto done = run_injected(options_.noise[i], trace, "a variation of the reference",
                                   is_all ? "" : pattern_of(modules), false, {});
          !done)
        return done.error();
      diff.noise.push_back(folder() / trace);
    }
    if (auto names = write_names(modules); !names) return names.error();
    auto verdict = compare("port", "the port", pattern, false, diff);
    if (verdict && !verdict->unjudged.empty()) {
      say(counted(verdict->unjudged.size(), "module") +
          " got something wrong from elsewhere: again, with the right inputs");
      auto with_inputs = compare("port-with-inputs", "the port", pattern, true, diff);
      if (with_inputs) add_missing(*with_inputs, *verdict);
      verdict = std::move(with_inputs);
    }
    if (!options_.keeps_captures) fs::remove_all(folder() / "capture");
    return verdict;
  }

  // A caller's fault shows in either run.
  static void add_missing(Verdict& verdict, const Verdict& other) {
    for (const auto& module : other.wrong) {
      const bool is_there = std::ranges::any_of(verdict.wrong, [&](const Introducer& each) {
        return each.module == module.module && each.root == module.root && each.outside == module.outside;
      });
      if (!is_there) verdict.wrong.push_back(module);
    }
  }

  Expected<Verdict> compare(const std::string& name, const std::string& who, const std::string& pattern,
                            bool with_inputs, const fvhooks::DiffOptions& diff) {
    if (auto done = run_injected(options_.port, name, who, pattern, with_inputs, names_path()); !done)
      return done.error();
    auto verdict = fvhooks::diff_traces(folder() / "reference", folder() / name, diff);
    if (verdict && !verdict->is_injected)
      return Error{"the port's trace shows no injection: was it traced by another version of fvhooks?"};
    return verdict;
  }

  Expected<std::monostate> run_injected(const std::string& command, const std::string& name, const std::string& who,
                                        const std::string& pattern, bool with_inputs, const std::string& names) {
    Environment environment = tracing(name, pattern);
    environment["FASTVIDEO_TRACE_INJECT"] = folder() / "capture";
    environment["FASTVIDEO_TRACE_INJECT_INPUTS"] = with_inputs ? "1" : "0";
    if (!names.empty()) environment["FASTVIDEO_TRACE_INJECT_NAMES"] = names;
    return run_command(command, who + (with_inputs ? ", inputs and outputs reset" : ", outputs reset"), name,
                       environment);
  }

  Expected<ModuleSurvey> run_reference(const std::string& what, const std::string& pattern) {
    fs::remove_all(folder() / "capture");
    Environment environment = tracing("reference", pattern);
    environment["FASTVIDEO_TRACE_CAPTURE"] = folder() / "capture";
    environment["FASTVIDEO_TRACE_CAPTURE_LIMIT"] = std::to_string(options_.limit);
    if (auto done = run_command(options_.reference, "the reference, capturing " + what, "reference", environment);
        !done)
      return done.error();
    return ModuleSurvey::read(folder() / "reference");
  }

  Environment tracing(const std::string& name, const std::string& pattern) const {
    return {{"FASTVIDEO_TRACE_ACTIVATIONS", "1"},
            {"FASTVIDEO_TRACE_INPUTS", "1"},
            {"FASTVIDEO_TRACE_ROOT", "1"},
            {"FASTVIDEO_TRACE_LAYERS", pattern},
            {"FASTVIDEO_TRACE_STEPS", options_.steps},
            {"FASTVIDEO_TRACE_STATS", "abs_mean,sum,min,max,mean,rms,shape,dtype"},
            {"FASTVIDEO_TRACE_OUTPUT", folder() / name / "trace-<pid>.jsonl"}};
  }

  Expected<std::monostate> run_command(const std::string& command, const std::string& what, const std::string& name,
                                       const Environment& environment) {
    constexpr std::size_t kShownLines = 15;
    fs::remove_all(folder() / name);  // several files of one trace are ranks
    fs::create_directories(folder() / name);
    const std::string log = folder() / (name + ".log");
    say(fmt::format("run {}: {}", ++result_.runs, what));
    const auto began = std::chrono::steady_clock::now();
    const auto done = run_shell_command(command, environment, log);
    if (!done) return done.error();
    if (done->interrupted) return Error{"interrupted"};
    if (done->status != 0)
      return Error{fmt::format("{} failed with exit status {}: {}\n{}", what, done->status, command,
                               last_lines(log, kShownLines))};
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    say(fmt::format("  {:.1f} s", seconds.count()));
    if (fs::is_empty(folder() / name))
      return Error{fmt::format("{} traced nothing: does it call attach_activation_trace? {}\n{}", what, command,
                               last_lines(log, kShownLines))};
    return std::monostate();
  }

  // For the port's own hooks: what its modules are called in the capture.
  Expected<std::monostate> write_names(const Modules& modules) const {
    if (!names_.to_port) return std::monostate();
    std::ofstream file(names_path());
    for (const auto& module : modules) file << names_.in_port(module) << '\t' << module << '\n';
    file.close();
    return file ? Expected<std::monostate>(std::monostate()) : Error{names_path() + " cannot be written"};
  }

  std::string names_path() const { return names_.to_port ? std::string(folder() / "names.txt") : std::string(); }
  fs::path folder() const { return fs::path(options_.work) / fmt::format("level{}", level_); }
  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }

  const BisectOptions& options_;
  const Names names_;
  BisectResult result_;
  int level_ = 1;
};

}  // namespace

Expected<BisectResult> bisect(const BisectOptions& options) {
  auto names = Names::read(options.map);
  if (!names) return names.error();
  try {
    return Bisection(options, *std::move(names)).run();
  } catch (const fs::filesystem_error& error) {
    return Error{error.what()};
  }
}

}  // namespace fvtrace
