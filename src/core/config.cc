#include "fvhooks/config.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>

#include "fvhooks/warning.h"

namespace fvhooks {
namespace {

// What Python's str.strip takes away, in ASCII.
constexpr std::string_view kBlank = " \t\n\r\f\v";

std::string_view strip(std::string_view text) {
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// The stripped, non-empty parts between commas.
std::vector<std::string_view> comma_list(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (const auto part = strip(text.substr(0, comma)); !part.empty()) parts.push_back(part);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

template <class Integer>
std::optional<Integer> parse_integer(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);  // Python's int() takes one
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Error bad_value(std::string_view variable, std::string_view value, std::string_view allowed) {
  return Error{std::string(variable) + "=\"" + std::string(value) + "\": " + std::string(allowed)};
}

Expected<bool> switch_from(const Environment& environment, const char* name) {
  const auto value = environment(name);
  if (!value) return false;
  const auto text = strip(*value);
  if (text.empty() || text == "0") return false;
  if (text == "1") return true;
  return bad_value(name, *value, "is neither 1 (on) nor 0 (off)");
}

// "4096", "300k", "8G"
std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  constexpr std::string_view kSuffixes = "kmgt";
  int shift = 0;
  if (!text.empty()) {
    const auto lower = static_cast<char>(text.back() | 0x20);
    if (const auto power = kSuffixes.find(lower); power != std::string_view::npos) {
      shift = 10 * (static_cast<int>(power) + 1);
      text.remove_suffix(1);
    }
  }
  const auto number = parse_integer<std::uint64_t>(text);
  if (!number || *number > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
  return *number << shift;
}

std::vector<Stat> stats_from(std::string_view spec) {
  std::vector<Stat> stats;
  for (const auto name : comma_list(spec)) {
    const auto stat = stat_from_name(name);
    if (!stat) {
      std::string message =
          "FASTVIDEO_TRACE_STATS: there is no statistic \"" + std::string(name) + "\", it is skipped; there are";
      for (const auto known : all_stats()) message.append(" ").append(stat_name(known));
      warn(message);
    } else if (std::find(stats.begin(), stats.end(), *stat) == stats.end()) {  // a key stands once in a record
      stats.push_back(*stat);
    }
  }
  return stats;
}

}  // namespace

StepFilter::StepFilter(std::vector<std::int64_t> steps) : ranges_(std::in_place) {
  for (const auto step : steps) ranges_->push_back({step, step});
}

Expected<StepFilter> StepFilter::parse(std::string_view text) {
  StepFilter filter;
  if (strip(text).empty()) return filter;
  filter.ranges_.emplace();
  const auto parts = comma_list(text);
  if (parts.empty()) return Error{"names no step; leave it empty for all, or write for example 0,2,10-19"};
  for (const auto part : parts) {
    // A minus at the front is a sign.
    const auto dash = part.find('-', 1);
    const auto first = parse_integer<std::int64_t>(strip(part.substr(0, dash)));
    const auto last =
        dash == std::string_view::npos ? first : parse_integer<std::int64_t>(strip(part.substr(dash + 1)));
    if (!first || !last || *first > *last) {
      return Error{"\"" + std::string(part) + "\" is neither a step nor a range of steps; write for example 0,2,10-19"};
    }
    filter.ranges_->push_back({*first, *last});
  }
  return filter;
}

bool StepFilter::passes(std::optional<std::int64_t> step) const noexcept {
  if (!ranges_) return true;
  return step && std::any_of(ranges_->begin(), ranges_->end(),
                             [&](const Range& range) { return range.first <= *step && *step <= range.last; });
}

Environment process_environment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* const value = std::getenv(name);
    if (!value) return std::nullopt;
    return value;
  };
}

Expected<TraceConfig> trace_config_from(const Environment& environment) {
  TraceConfig config;
  const auto on = environment("FASTVIDEO_TRACE_ACTIVATIONS");
  config.enabled = on && *on != "0";
  if (!config.enabled) return config;

  const auto steps_text = environment("FASTVIDEO_TRACE_STEPS").value_or("");
  auto steps = StepFilter::parse(steps_text);
  if (!steps) return bad_value("FASTVIDEO_TRACE_STEPS", steps_text, steps.error().message);
  config.steps = std::move(*steps);

  const auto inputs = switch_from(environment, "FASTVIDEO_TRACE_INPUTS");
  if (!inputs) return inputs.error();
  config.inputs = *inputs;

  const auto root = switch_from(environment, "FASTVIDEO_TRACE_ROOT");
  if (!root) return root.error();
  config.root = *root;

  config.view = environment("FASTVIDEO_TRACE_VIEW").value_or("");
  config.inject = environment("FASTVIDEO_TRACE_INJECT").value_or("");
  config.inject_names = environment("FASTVIDEO_TRACE_INJECT_NAMES").value_or("");
  const auto inject_inputs = switch_from(environment, "FASTVIDEO_TRACE_INJECT_INPUTS");
  if (!inject_inputs) return inject_inputs.error();
  config.inject_inputs = *inject_inputs;

  config.capture = environment("FASTVIDEO_TRACE_CAPTURE").value_or("");
  const auto limit_text = environment("FASTVIDEO_TRACE_CAPTURE_LIMIT").value_or("8G");
  const auto limit = parse_bytes(strip(limit_text));
  if (!limit)
    return bad_value("FASTVIDEO_TRACE_CAPTURE_LIMIT", limit_text,
                     "is not a number of bytes; write for example 500M or 8G");
  config.capture_limit = *limit;

  const auto device_path = switch_from(environment, "FASTVIDEO_TRACE_DEVICE_PATH");
  if (!device_path) return device_path.error();
  config.device_path = *device_path;

  const auto sketch_text = environment("FASTVIDEO_TRACE_SKETCH").value_or("64");
  const auto sketch = parse_integer<int>(strip(sketch_text));
  if (!sketch || (*sketch != 0 && *sketch != 64 && *sketch != 128 && *sketch != 256))
    return bad_value("FASTVIDEO_TRACE_SKETCH", sketch_text, "is none of 0 (no sketch), 64, 128 and 256");
  config.sketch = *sketch;

  const auto batch_text = environment("FASTVIDEO_TRACE_BATCH").value_or("0");
  const auto batch = parse_integer<std::size_t>(strip(batch_text));
  constexpr std::size_t kMaxBatch = 1'000'000;  // a line takes half a kilobyte
  if (!batch || *batch > kMaxBatch)
    return bad_value("FASTVIDEO_TRACE_BATCH", batch_text,
                     "is not a number of lines from 0 (none is held back) to 1000000");
  config.batch = *batch;

  config.layers = environment("FASTVIDEO_TRACE_LAYERS").value_or("");
  config.output = environment("FASTVIDEO_TRACE_OUTPUT").value_or("/tmp/fv_trace_<pid>.jsonl");
  if (config.output.empty())
    return bad_value("FASTVIDEO_TRACE_OUTPUT", config.output,
                     "is not a file's path; leave it unset for /tmp/fv_trace_<pid>.jsonl");
  config.stats = stats_from(environment("FASTVIDEO_TRACE_STATS").value_or("abs_mean,sum"));
  return config;
}

}  // namespace fvhooks
