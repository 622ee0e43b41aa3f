#include "map_command.h"

#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "exit_status.h"
#include "fvhooks/find_map.h"
#include "manual.h"
#include "report/json_writer.h"
#include "terminal.h"

namespace fvtrace {
namespace {

using fvhooks::internal::JsonWriter;

const Manual kManual = {
    "find out from two traces what the port's modules are called in the reference",
    "Modules are matched by the values that they compute, in the order of execution. Where a port has gone wrong, "
    "they\n"
    "are matched by what holds in other blocks, by shape, order and name. What is written is a file of rules for\n"
    "`fvtrace diff --map`, each with a confidence from 0 to 1 and the evidence: review it. docs/map.md has the "
    "format.\n\n"
    "Sketches and inputs (FASTVIDEO_TRACE_INPUTS=1) on both sides tell most; the shape (FASTVIDEO_TRACE_STATS) tells\n"
    "apart what has gone wrong. One step is enough.",
    "fvtrace map reference.jsonl port.jsonl --output map.txt\n"
    "fvtrace diff --map map.txt reference.jsonl port.jsonl\n"
    "fvtrace map --json reference.jsonl port.jsonl               for programs",
    "0   all modules of both sides have a counterpart, or are known to have none\n"
    "1   of some modules nothing could be told: they are listed at the end\n"
    "2   could not run",
    ""};

struct MapArguments {
  std::string reference, port, output;
  bool json = false, no_progress = false;
};

std::string json_text(const fvhooks::FoundMap& map) {
  JsonWriter json;
  const auto list = [&](std::string_view name, const std::vector<std::string>& texts) {
    json.key(name);
    json.begin_array();
    for (const auto& text : texts) json.value(text);
    json.end_array();
  };
  json.begin_object();
  json.member("schema", std::uint64_t{1});
  json.member("reference", map.reference);
  json.member("port", map.port);
  json.key("rules");
  json.begin_array();
  for (const auto& rule : map.rules) {
    json.begin_object();
    json.member("port", rule.port);
    json.member("reference", rule.reference);
    json.member("confidence", rule.confidence);
    json.member("evidence", rule.evidence);
    json.member("modules", std::uint64_t{rule.modules});
    json.end_object();
  }
  json.end_array();
  list("unknown_in_port", map.unknown_in_port);
  list("unknown_in_reference", map.unknown_in_reference);
  list("notes", map.notes);
  json.end_object();
  return json.take() + "\n";
}

bool write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (file) return true;
  spdlog::error("{}: cannot be written: {}", path, std::strerror(errno));
  return false;
}

int run(const MapArguments& arguments) {
  ProgressLine progress("finding names", !arguments.no_progress);
  const auto map =
      fvhooks::find_map(arguments.reference, arguments.port, {[&](double fraction) { progress.update(fraction); }});
  progress.clear();
  if (!map) {
    spdlog::error(map.error().message);
    return kCouldNotRun;
  }
  const auto text = arguments.json ? json_text(*map) : fvhooks::map_file(*map);
  if (!(arguments.output.empty() ? print(text) : write_file(arguments.output, text))) return kCouldNotRun;
  return map->unknown_in_port.empty() && map->unknown_in_reference.empty() ? kDone : kProblems;
}

}  // namespace

void add_map(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("map");
  describe(*command, kManual);
  const auto arguments = std::make_shared<MapArguments>();
  command->add_option("REFERENCE", arguments->reference, "Trace of the reference; - is standard input")->required();
  command->add_option("PORT", arguments->port, "Trace of the port; - is standard input")->required();
  command->add_option("--output", arguments->output, "Write to FILE instead of standard output")->option_text("FILE");
  command->add_flag("--json", arguments->json, "Write the rules as JSON (docs/map.md)");
  command->add_flag("--no-progress", arguments->no_progress, "No progress line on a terminal");
  command->callback([arguments, &action] { action = [arguments] { return run(*arguments); }; });
}

}  // namespace fvtrace
