#include "offload_plan_command.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "checkpoint_blocks.h"
#include "exit_status.h"
#include "manual.h"
#include "offload_forecast.h"
#include "report/table.h"
#include "terminal.h"

namespace fvtrace {
namespace {

using fvhooks::Expected;

const Manual kManual = {
    "say what a layerwise offload would keep, move and take, before a long run",
    "Finds the blocks of a model by the names in its checkpoint (a safetensors file, an index or a folder): a block "
    "is\n"
    "what its tensors' names have in common up to their first number, as in blocks.12; or give a PATTERN, as "
    "blocks.*,\n"
    "in which * is any text and ? any one character. Then says which blocks stay in memory under a budget, how many\n"
    "slots the others come through, how many bytes a step moves, and the least time that it can take: the computation\n"
    "of all blocks, or the transfer of those that are streamed, whichever is longer. docs/offload.md has the "
    "arithmetic.\n\n"
    "A SIZE is bytes, or has a unit: 4G is 4,000,000,000 bytes, 4GiB is 4,294,967,296.",
    "fvtrace offload-plan model.safetensors --budget 2G\n"
    "fvtrace offload-plan transformer/ --budget 512MiB --measure --compute 12.5\n"
    "fvtrace offload-plan model.safetensors --budget 2G --json | jq .least_budget",
    "0   done\n"
    "2   could not run: usage, a checkpoint that cannot be read or has no blocks, a budget that is too small",
    ""};

// A range that NaN is outside of.
CLI::Validator positive_up_to_a_billion(bool is_zero_good) {
  const auto check = [is_zero_good](const std::string& text) {
    double number = 0;
    const bool is_good =
        CLI::detail::lexical_cast(text, number) && number <= 1e9 && (number > 0 || (number == 0 && is_zero_good));
    return is_good ? std::string() : text + " is no number " + (is_zero_good ? "from 0" : "above 0") + " up to 10^9";
  };
  return CLI::Validator(check, "");
}

struct PlanArguments {
  std::string checkpoint, pattern;
  std::uint64_t budget = 0;
  std::size_t prefetch_depth = 1;
  std::optional<double> gigabytes_a_second, compute_seconds;
  bool measure = false, json = false;
};

Expected<OffloadForecast> forecast(const PlanArguments& arguments) {
  const auto checkpoint = fvhooks::Checkpoint::open(arguments.checkpoint);
  if (!checkpoint) return checkpoint.error();
  const auto found = find_blocks(*checkpoint, arguments.pattern);
  if (found.blocks.empty()) {
    return fvhooks::Error{arguments.checkpoint + " has no blocks: " +
                          (arguments.pattern.empty() ? "no name has a number; name them with --blocks"
                                                     : "nothing matches \"" + arguments.pattern + "\"")};
  }
  OffloadForecast result;
  std::vector<std::vector<fvhooks::StoredTensor>> tensors;
  for (const auto& block : found.blocks) {
    result.blocks.push_back(block.name);
    tensors.push_back(block.tensors);
  }
  const auto store = fvhooks::DiskStore::open(checkpoint->paths(), tensors);
  if (!store) return store.error();
  for (std::size_t i = 0; i < tensors.size(); ++i) result.block_bytes.push_back((*store)->bytes(i));
  auto plan = fvhooks::plan_residency(result.block_bytes, arguments.budget, arguments.prefetch_depth);
  if (!plan) return plan.error();
  result.plan = *std::move(plan);
  result.checkpoint = arguments.checkpoint;
  result.budget = arguments.budget;
  result.prefetch_depth = arguments.prefetch_depth;
  result.bytes_outside = found.bytes_outside;
  result.least_budget = fvhooks::least_budget(result.block_bytes, arguments.prefetch_depth);
  result.compute_seconds = arguments.compute_seconds;
  if (arguments.measure) {
    const auto speed = measure_reading(**store);
    if (!speed) return speed.error();
    result.bytes_a_second = speed->bytes_a_second();
    result.speed_source = "measured by " + (*store)->description();
  } else if (arguments.gigabytes_a_second) {
    result.bytes_a_second = *arguments.gigabytes_a_second * 1e9;
    result.speed_source = "as given";
  }
  return result;
}

int run(const PlanArguments& arguments) {
  const auto result = forecast(arguments);
  if (!result) {
    spdlog::error(fvhooks::internal::printable(result.error().message));
    return kCouldNotRun;
  }
  return print(arguments.json ? forecast_json(*result) : forecast_text(*result)) ? kDone : kCouldNotRun;
}

}  // namespace

void add_offload_plan(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("offload-plan");
  describe(*command, kManual);
  const auto arguments = std::make_shared<PlanArguments>();
  command->add_option("CHECKPOINT", arguments->checkpoint, "The model's weights")->required()->option_text(" ");
  command->add_option("--budget", arguments->budget, "Memory for all blocks; 0: as little as will do")
      ->required()
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/true))
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << 62))
      ->option_text("SIZE");
  command->add_option("--blocks", arguments->pattern, "What the blocks are called")->option_text("PATTERN");
  command->add_option("--prefetch-depth", arguments->prefetch_depth, "Blocks on their way ahead of the one in use")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1'000'000}))
      ->option_text("N")
      ->capture_default_str();
  auto* const bandwidth =
      command->add_option("--bandwidth", arguments->gigabytes_a_second, "Speed of the transfer, 10^9 bytes a second")
          ->check(positive_up_to_a_billion(/*is_zero_good=*/false))
          ->option_text("GB/s");
  command->add_flag("--measure", arguments->measure, "Measure it: read blocks for some two seconds")
      ->excludes(bandwidth);
  command->add_option("--compute", arguments->compute_seconds, "Time of a step's computation alone")
      ->check(positive_up_to_a_billion(/*is_zero_good=*/true))
      ->option_text("SECONDS");
  command->add_flag("--json", arguments->json, "Write one object of JSON");
  command->callback([arguments, &action] { action = [arguments] { return run(*arguments); }; });
}

}  // namespace fvtrace
