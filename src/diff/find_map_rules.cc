#include "diff/find_map_rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include "fvhooks/name_map.h"
#include "names/rule_line.h"

namespace fvhooks::internal {
namespace {

using Why = Finding::Why;

std::string short_number(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 2).ptr;
  return {text.data(), end};
}

// A sketch is as many numbers as it has buckets; a statistic may agree by chance.
double confidence_by_values(const Fit& fit) {
  if (fit.distance->numbers >= TensorTrait::kBuckets) return fit.by_inputs ? 0.99 : 0.9;
  const double by_statistics = fit.distance->numbers > 1 ? 0.8 : 0.6;
  return fit.by_inputs ? by_statistics + 0.1 : by_statistics;
}

// How much the evidence for one module is worth.
double confidence(const Finding& finding) {
  switch (finding.why) {
    case Why::Values:
      return confidence_by_values(finding.fit);
    case Why::Near:
      return finding.fit.by_inputs ? 0.6 : 0.5;
    case Why::NoCounterpart:
    case Why::OtherBlocks:
      return 0.8;
    case Why::Names:
      return std::min(0.3 + 0.2 * finding.fit.score, 0.6);
    case Why::Unknown:
      break;
  }
  return 0;
}

// What a rule was found from.
class Evidence {
 public:
  void add(const Finding& finding) {
    ++count_[static_cast<std::size_t>(finding.why)];
    confidence_ += confidence(finding);
    by_inputs_ += std::size_t{finding.why == Why::Values && finding.fit.by_inputs};
    if (finding.why != Why::Values && finding.why != Why::Near) return;
    auto& largest = finding.why == Why::Values ? largest_ : largest_of_near_;
    largest = std::max(largest, finding.fit.distance->apart);
    fewest_numbers_ = std::min(fewest_numbers_, finding.fit.distance->numbers);
  }
  std::size_t modules() const {
    std::size_t sum = 0;
    for (const auto count : count_) sum += count;
    return sum;
  }
  double average_confidence() const { return confidence_ / static_cast<double>(modules()); }
  std::string text() const {
    std::string text;
    const auto say = [&](Why why, const std::string& what) {
      const auto count = count_[static_cast<std::size_t>(why)];
      if (count != 0) text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + what;
    };
    const bool all_inputs = by_inputs_ == count_[static_cast<std::size_t>(Why::Values)];
    say(Why::Values, std::string(all_inputs ? "with outputs and inputs" : "with outputs") + " that agree to " +
                         short_number(largest_) + in_how_many_numbers());
    say(Why::Near,
        "with outputs that are near each other, up to " + short_number(largest_of_near_) + in_how_many_numbers());
    say(Why::OtherBlocks, "as in other blocks");
    say(Why::Names, "by shape, order and name only");
    say(Why::NoCounterpart, "with nothing at that place on the other side");
    return text;
  }

 private:
  std::string in_how_many_numbers() const {
    if (fewest_numbers_ >= TensorTrait::kBuckets) return "";
    return fewest_numbers_ == 1 ? " in one statistic" : " in " + std::to_string(fewest_numbers_) + " statistics";
  }

  std::array<std::size_t, 6> count_{};
  std::size_t by_inputs_ = 0, fewest_numbers_ = TensorTrait::kBuckets;
  double confidence_ = 0, largest_ = 0, largest_of_near_ = 0;
};

// One thing that a map has to say: of a module, or of one of its tensors.
struct Statement {
  std::size_t from = 0;  // place on the side that is spoken of
  std::string tensor;    // with a blank before it; empty: the module
  std::optional<std::size_t> to;
  std::string other_tensor;
  Finding finding;
};

std::string with_blank(const std::string& label) { return " " + label; }

// Tensors of a pair that are called otherwise on the other side, or have nothing there.
class TensorStatements {
 public:
  TensorStatements(const ScoredSide& reference, const ScoredSide& port) : reference_(reference), port_(port) {}

  void add(const Finding& finding) {
    const auto &a = reference_.modules[finding.fit.reference], &b = port_.modules[finding.fit.port];
    if (finding.why != Why::Values && finding.why != Why::Near) return add_first_output(finding, a, b);
    add_list(finding, a.outputs, b.outputs);
    // Without inputs on one side there is nothing to say about them.
    if (!a.inputs.empty() && !b.inputs.empty()) add_list(finding, a.inputs, b.inputs);
  }

  std::vector<Statement> of_port, of_reference;

 private:
  void rename(const Finding& finding, const std::string& from, const std::string& to) {
    of_port.push_back({finding.fit.port, with_blank(from), finding.fit.reference, with_blank(to), finding});
  }

  void add_first_output(const Finding& finding, const ModuleTrait& a, const ModuleTrait& b) {
    const auto &there = a.outputs.front().label, &here = b.outputs.front().label;
    if (there != here) rename(finding, here, there);
  }

  void add_list(const Finding& finding, const std::vector<TensorTrait>& reference,
                const std::vector<TensorTrait>& port) {
    std::set<std::string> taken;
    std::vector<const TensorTrait*> rest;
    for (const auto& tensor : port) {
      if (const auto* same = counterpart(tensor, reference, taken)) {
        taken.insert(same->label);
        if (same->label != tensor.label) rename(finding, tensor.label, same->label);
      } else {
        rest.push_back(&tensor);
      }
    }
    auto alone = finding;
    alone.why = Why::NoCounterpart;
    for (const auto* tensor : rest) {
      of_port.push_back({finding.fit.port, with_blank(tensor->label), std::nullopt, "", alone});
    }
    for (const auto& tensor : reference) {
      if (!taken.contains(tensor.label)) {
        of_reference.push_back({finding.fit.reference, with_blank(tensor.label), std::nullopt, "", alone});
      }
    }
  }

  // The one of the same label if it will do, else the nearest.
  static const TensorTrait* counterpart(const TensorTrait& tensor, const std::vector<TensorTrait>& reference,
                                        const std::set<std::string>& taken) {
    const TensorTrait* best = nullptr;
    double least = 0;
    for (const auto& other : reference) {
      if (taken.contains(other.label)) continue;
      const bool is_silent = tensor.magnitude == 0 && other.magnitude == 0;  // zeros, or nothing recorded
      const auto found = is_silent && may_have_one_shape(tensor, other) && tensor.label == other.label
                             ? std::optional(Distance{})
                             : distance(other, tensor);
      if (!found || !is_near(*found)) continue;
      if (other.label == tensor.label) return &other;
      if (!best || found->apart < least) best = &other, least = found->apart;
    }
    return best;
  }

  const ScoredSide &reference_, &port_;
};

// Statements of one side, joined into rules.
class RuleWriter {
 public:
  RuleWriter(const ScoredSide& from, const ScoredSide& to) {
    for (const auto& module : from.modules) from_.emplace_back(module.name);
    for (const auto& module : to.modules) to_.emplace_back(module.name);
  }

  void add(Statement statement) {
    constexpr double kWeight = 1;
    table_.add(from_[statement.from], statement.tensor, other(statement), statement.other_tensor, kWeight);
    statements_.push_back(std::move(statement));
  }

  // In the order in which their first statement came.
  std::vector<std::pair<PatternTable::Sides, Evidence>> rules() const {
    std::vector<std::pair<PatternTable::Sides, Evidence>> rules;
    std::map<PatternTable::Sides, std::size_t> place;
    for (const auto& statement : statements_) {
      auto sides = table_.rule(from_[statement.from], statement.tensor, other(statement), statement.other_tensor);
      const auto [found, is_new] = place.try_emplace(sides, rules.size());
      if (is_new) rules.push_back({std::move(sides), {}});
      rules[found->second].second.add(statement.finding);
    }
    return rules;
  }

 private:
  const NumberedName* other(const Statement& statement) const { return statement.to ? &to_[*statement.to] : nullptr; }

  std::vector<NumberedName> from_, to_;
  PatternTable table_;
  std::vector<Statement> statements_;
};

void append(FoundMap& map, const RuleWriter& writer, bool is_of_port) {
  for (auto& [sides, evidence] : writer.rules()) {
    FoundRule rule{sides.left, sides.right, evidence.average_confidence(), evidence.text(), evidence.modules()};
    if (!is_of_port) std::swap(rule.port, rule.reference);
    map.rules.push_back(std::move(rule));
  }
}

// Roots that go together by what their modules are, if they are called otherwise.
void append_roots(FoundMap& map, const ScoredSide& reference, const ScoredSide& port, const Pairing& pairing) {
  std::map<std::string, std::map<std::string, Evidence>> roots;
  std::set<std::string> all;
  for (const auto& module : port.modules) all.insert(module.root);
  if (all.size() < 2) return;
  for (const auto& finding : pairing.port) {
    if (!finding.is_pair()) continue;
    roots[port.modules[finding.fit.port].root][reference.modules[finding.fit.reference].root].add(finding);
  }
  for (const auto& [root, others] : roots) {
    const auto best = std::max_element(others.begin(), others.end(), [](const auto& a, const auto& b) {
      return a.second.modules() < b.second.modules();
    });
    if (best->first == root || root.empty() || best->first.empty()) continue;
    map.rules.push_back({"@" + written_name(root), "@" + written_name(best->first), best->second.average_confidence(),
                         best->second.text(), best->second.modules()});
  }
}

// A wildcard can mean more than it was made for, and of two rules the first counts: what comes out wrong is said first.
void append_exceptions(FoundMap& map, const ScoredSide& reference, const ScoredSide& port, const Pairing& pairing) {
  const auto read = NameMap::parse(map_file(map), "map");
  if (!read) return;
  std::vector<FoundRule> exceptions;
  for (std::size_t j = 0; j < pairing.port.size(); ++j) {
    const auto& finding = pairing.port[j];
    const auto& name = port.modules[j].name;
    const auto expected = finding.is_pair() ? reference.modules[finding.fit.reference].name : name;
    if (finding.why == Why::NoCounterpart || read->to_reference(name) == expected) continue;
    Evidence evidence;
    evidence.add(finding);
    exceptions.push_back({written_name(name), written_name(expected), evidence.average_confidence(),
                          "an exception to a rule below: " + evidence.text(), 1});
  }
  map.rules.insert(map.rules.begin(), exceptions.begin(), exceptions.end());
}

}  // namespace

void append_rules(FoundMap& map, const ScoredSide& reference, const ScoredSide& port, const Pairing& pairing) {
  append_roots(map, reference, port, pairing);
  TensorStatements tensors(reference, port);
  RuleWriter of_port(port, reference), of_reference(reference, port);
  for (std::size_t j = 0; j < pairing.port.size(); ++j) {
    const auto& finding = pairing.port[j];
    if (finding.why == Why::Unknown) {
      map.unknown_in_port.push_back(port.modules[j].name);
      continue;
    }
    if (finding.is_pair()) {
      tensors.add(finding);
      for (auto& statement : tensors.of_port) of_port.add(std::move(statement));
      tensors.of_port.clear();
    }
    const auto to = finding.is_pair() ? std::optional(finding.fit.reference) : std::nullopt;
    of_port.add({j, "", to, "", finding});
  }
  for (std::size_t i = 0; i < pairing.reference.size(); ++i) {
    const auto why = pairing.reference[i].why;
    if (why == Why::Unknown) map.unknown_in_reference.push_back(reference.modules[i].name);
    if (why == Why::NoCounterpart) of_reference.add({i, "", std::nullopt, "", pairing.reference[i]});
  }
  for (auto& statement : tensors.of_reference) of_reference.add(std::move(statement));
  append(map, of_port, true);
  append(map, of_reference, false);
  append_exceptions(map, reference, port, pairing);
}

}  // namespace fvhooks::internal
