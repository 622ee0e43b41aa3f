#include "fvhooks/find_map.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/counted.h"
#include "diff/find_map_pairs.h"
#include "diff/find_map_rules.h"

namespace fvhooks {
namespace {

using internal::ModuleTraits;
using Step = std::optional<std::int64_t>;

Expected<ModuleTraits> read_side(const std::string& path, std::optional<Step> step, FoundMap& map,
                                 const std::function<void(double)>& progress) {
  auto reader = TraceReader::open(path);
  if (!reader) return reader.error();
  auto traits = internal::read_modules(*reader, step, progress);
  if (reader->problem_count() != 0) {
    const auto& first = reader->problems().front();
    map.notes.push_back(path + ": " + internal::counted(reader->problem_count(), "line") +
                        " could not be read, the first is " + std::to_string(first.line) + ": " + first.message);
  }
  if (!traits) return Error{path + " " + traits.error().message};
  return traits;
}

std::string text_of(const Step& step) { return step ? "step " + std::to_string(*step) : "no step"; }

// Values are compared within one step: the first that both sides have.
std::optional<Step> first_common_step(const ModuleTraits& a, const ModuleTraits& b) {
  for (const auto& step : a.steps) {
    if (b.steps.contains(step)) return step;
  }
  return std::nullopt;
}

std::string two_decimals(double value) {
  std::array<char, 16> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, 2).ptr;
  return {text.data(), end};
}

// Text of a trace in a comment: nothing in it may end the line.
std::string in_a_comment(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text;
}

}  // namespace

Expected<FoundMap> find_map(const std::string& reference, const std::string& port, const FindMapOptions& options) {
  if (reference == "-" && port == "-") return Error{"only one of the two traces can come from standard input"};
  FoundMap map{reference, port, {}, {}, {}, {}};
  const auto part = [&](double offset) {
    return [&options, offset](double fraction) {
      if (options.progress) options.progress(offset + fraction / 3);
    };
  };
  auto first = read_side(reference, std::nullopt, map, part(0));
  if (!first) return first.error();
  auto second = read_side(port, std::nullopt, map, part(1.0 / 3));
  if (!second) return second.error();
  if (first->step != second->step) {
    const auto common = first_common_step(*first, *second);
    for (auto* side : {&first, &second}) {
      const auto& path = side == &first ? reference : port;
      if (!common || (*side)->step == *common || path == "-") continue;
      *side = read_side(path, common, map, {});
      if (!*side) return side->error();
    }
    if ((*first).step != (*second).step) {
      map.notes.push_back("the values are of different steps (" + text_of(first->step) + " of the reference, " +
                          text_of(second->step) + " of the port): trace the same steps on both sides");
    }
  }
  const internal::ScoredSide reference_side(std::move(first->modules)), port_side(std::move(second->modules));
  const auto pairing = internal::find_pairs(reference_side, port_side, part(2.0 / 3));
  internal::append_rules(map, reference_side, port_side, pairing);
  return map;
}

std::string map_file(const FoundMap& map) {
  std::string text = "# The port's names = the reference's. Review it: each rule says how sure it is, and why.\n";
  text += "# reference: " + in_a_comment(map.reference) + "\n# port:      " + in_a_comment(map.port) + "\n";
  for (const auto& note : map.notes) text += "# note: " + in_a_comment(note) + "\n";
  std::size_t widest_port = 0, widest_reference = 0;
  for (const auto& rule : map.rules) {
    widest_port = std::max(widest_port, rule.port.size());
    widest_reference = std::max(widest_reference, rule.reference.size());
  }
  const auto padded = [](const std::string& side, std::size_t width) {
    return side + std::string(width - side.size(), ' ');
  };
  text += '\n';
  for (const auto& rule : map.rules) {
    text += padded(rule.port, widest_port) + " = " + padded(rule.reference, widest_reference) + "  # " +
            two_decimals(rule.confidence) + ": " + in_a_comment(rule.evidence) + "\n";
  }
  const auto list_unknown = [&](const std::vector<std::string>& names, const std::string& side) {
    if (names.empty()) return;
    text += "\n# Nothing could be told of these modules of the " + side + ":\n";
    for (const auto& name : names) text += "# ? " + (name.empty() ? "\"\"" : in_a_comment(name)) + "\n";
  };
  list_unknown(map.unknown_in_port, "port");
  list_unknown(map.unknown_in_reference, "reference");
  return text;
}

}  // namespace fvhooks
