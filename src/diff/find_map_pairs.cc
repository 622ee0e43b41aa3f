#include "diff/find_map_pairs.h"

#include <algorithm>

#include "diff/find_map_alignment.h"

namespace fvhooks::internal {
namespace {

using Why = Finding::Why;

using Children = std::vector<std::vector<std::size_t>>;  // of each module, the places of those just below it

// Just below: with nothing recorded in between.
Children children_of(const std::vector<ModuleTrait>& modules) {
  std::unordered_map<std::string, std::size_t> places;
  const auto key = [](const ModuleTrait& module, std::string_view name) {
    return module.root + '\0' + std::string(name);
  };
  for (std::size_t i = 0; i < modules.size(); ++i) places.emplace(key(modules[i], modules[i].name), i);
  Children children(modules.size());
  for (std::size_t i = 0; i < modules.size(); ++i) {
    std::string_view name = modules[i].name;
    while (!name.empty()) {
      const auto point = name.rfind('.');
      name = point == std::string_view::npos ? "" : name.substr(0, point);
      const auto parent = places.find(key(modules[i], name));
      if (parent == places.end()) continue;
      children[parent->second].push_back(i);
      break;
    }
  }
  return children;
}

class PairFinder {
 public:
  PairFinder(const ScoredSide& reference, const ScoredSide& port) : reference_(reference), port_(port) {
    pairing_.reference.resize(reference.modules.size());
    pairing_.port.resize(port.modules.size());
    for (const auto& module : reference.modules) reference_names_.emplace_back(module.name);
    for (const auto& module : port.modules) port_names_.emplace_back(module.name);
    children_in_reference_ = children_of(reference.modules);
    children_in_port_ = children_of(port.modules);
    for (std::size_t i = 0; i < reference.modules.size(); ++i) {
      // Patterns know nothing of roots: the first module of a name stands for all.
      place_of_.try_emplace(reference_names_[i].pattern(0), i);
    }
  }

  Pairing run(const std::function<void(double)>& progress) {
    pair_by_values(one_to_one(fits_by_values(reference_, port_, progress)));
    drop_what_other_blocks_contradict();
    follow_other_blocks();
    if (!ends_alike()) {
      for (const auto& gap : gaps()) pair_by_names(gap);
      pair_children_by_names();
      drop_what_other_blocks_contradict();
      follow_other_blocks();
    }
    tell_what_has_no_counterpart();
    return std::move(pairing_);
  }

 private:
  void pair(const Fit& fit, Why why) {
    pairing_.port[fit.port] = {why, fit};
    pairing_.reference[fit.reference] = {why, fit};
  }
  // Rounding takes all modules about as far; where a port has gone wrong, some are far and none the less nearest.
  void pair_by_values(const std::vector<Fit>& fits) {
    constexpr double kTimesTheMedian = 10, kLeast = 1e-3, kMost = 0.05;  // the most that bfloat16's rounding does
    if (fits.empty()) return;
    std::vector<double> apart;
    for (const auto& fit : fits) apart.push_back(fit.distance->apart);
    const auto median = apart.begin() + static_cast<std::ptrdiff_t>(apart.size() / 2);
    std::nth_element(apart.begin(), median, apart.end());
    const double limit = std::clamp(kTimesTheMedian * *median, kLeast, kMost);
    for (const auto& fit : fits) pair(fit, fit.distance->apart <= limit ? Why::Values : Why::Near);
  }

  bool is_free(const Finding& finding) const { return finding.why == Why::Unknown; }

  PatternTable table() const {
    constexpr double kByValues = 10, kByNames = 1;
    PatternTable table;
    for (std::size_t j = 0; j < pairing_.port.size(); ++j) {
      const auto& finding = pairing_.port[j];
      if (!finding.is_pair()) continue;
      table.add(port_names_[j], "", &reference_names_[finding.fit.reference], "",
                finding.why == Why::Values ? kByValues : kByNames);
    }
    return table;
  }

  // The first prediction of the table that names a module of the reference.
  std::optional<std::size_t> predicted(const PatternTable& table, std::size_t j) const {
    constexpr double kShare = 0.7;
    for (const auto& name : table.predictions(port_names_[j], kShare)) {
      const auto found = place_of_.find(name);
      if (found != place_of_.end()) return found->second;
    }
    return std::nullopt;
  }

  // A pair on weak evidence that is an exception to a rule is none.
  void drop_what_other_blocks_contradict() {
    constexpr double kWeak = 0.01;
    const auto known = table();
    for (std::size_t j = 0; j < pairing_.port.size(); ++j) {
      const auto finding = pairing_.port[j];
      const bool is_weak = finding.is_pair() && !(finding.fit.distance && finding.fit.distance->apart <= kWeak);
      if (!is_weak) continue;
      const auto expected = predicted(known, j);
      if (!expected || *expected == finding.fit.reference) continue;
      pairing_.reference[finding.fit.reference] = {};
      pairing_.port[j] = {};
    }
  }

  void follow_other_blocks() {
    const auto known = table();
    for (std::size_t j = 0; j < pairing_.port.size(); ++j) {
      if (!is_free(pairing_.port[j])) continue;
      const auto i = predicted(known, j);
      if (i && is_free(pairing_.reference[*i])) pair({*i, j, 0, std::nullopt, false}, Why::OtherBlocks);
    }
  }

  // The last modules agree: nothing went wrong on the way, and what found no counterpart by its values has none.
  bool ends_alike() const {
    constexpr std::size_t kLast = 3;
    const auto last = pairing_.port.size() - std::min(kLast, pairing_.port.size());
    return std::any_of(pairing_.port.begin() + static_cast<std::ptrdiff_t>(last), pairing_.port.end(),
                       [](const Finding& finding) { return finding.why == Why::Values; });
  }

  // What is free on both sides between two neighbours of the chain of pairs.
  std::vector<Gap> gaps() const {
    std::vector<Fit> pairs;
    for (const auto& finding : pairing_.port) {
      if (finding.is_pair()) pairs.push_back({finding.fit.reference, finding.fit.port, 1, {}, false});
    }
    std::vector<Gap> gaps(1);
    std::size_t i = 0, j = 0;
    const auto collect = [&](std::size_t end_i, std::size_t end_j) {
      gaps.back().port_end = end_j;
      for (; i < end_i; ++i) {
        if (is_free(pairing_.reference[i])) gaps.back().reference.push_back(i);
      }
      for (; j < end_j; ++j) {
        if (is_free(pairing_.port[j])) gaps.back().port.push_back(j);
      }
    };
    for (const auto link : heaviest_chain(pairs)) {
      collect(pairs[link].reference, pairs[link].port);
      gaps.emplace_back();
    }
    collect(pairing_.reference.size(), pairing_.port.size());
    return gaps;
  }

  std::optional<double> score_by_names(std::size_t i, std::size_t j) const {
    if (!is_free(pairing_.reference[i]) || !is_free(pairing_.port[j])) return std::nullopt;
    return children_disagree(i, j) ? std::nullopt : fit_by_names(reference_, i, port_, j);
  }

  // Modules in the one have counterparts, and none of them is in the other.
  bool children_disagree(std::size_t i, std::size_t j) const {
    const auto& mine = children_in_port_[j];
    std::size_t paired = 0;
    for (const auto child : children_in_reference_[i]) {
      const auto& finding = pairing_.reference[child];
      if (!finding.is_pair()) continue;
      if (std::binary_search(mine.begin(), mine.end(), finding.fit.port)) return false;
      ++paired;
    }
    return paired != 0;
  }

  void pair_by_names(const Gap& gap) {
    for (const auto& fit : align(gap, [&](std::size_t i, std::size_t j) { return score_by_names(i, j); })) {
      pair(fit, Why::Names);
    }
  }

  // What a port executes in another order, inside of modules that go together.
  void pair_children_by_names() {
    constexpr double kAlikeAtLeast = 0.6;
    for (std::size_t parent = 0; parent < pairing_.port.size(); ++parent) {
      const auto finding = pairing_.port[parent];
      if (!finding.is_pair()) continue;
      std::vector<Fit> fits;
      for (const auto j : children_in_port_[parent]) {
        for (const auto i : children_in_reference_[finding.fit.reference]) {
          if (name_similarity(reference_.words[i], port_.words[j]) < kAlikeAtLeast) continue;
          if (const auto score = score_by_names(i, j)) fits.push_back({i, j, *score, std::nullopt, false});
        }
      }
      for (const auto& fit : one_to_one(fits)) pair(fit, Why::Names);
    }
  }

  // The first place of the port where it is seen to have gone wrong; all of them, if it is and does not show where.
  std::size_t first_gone_wrong() const {
    if (ends_alike()) return pairing_.port.size();
    const auto found = std::find_if(pairing_.port.begin(), pairing_.port.end(), [](const Finding& finding) {
      return finding.is_pair() && finding.why != Why::Values;
    });
    return found == pairing_.port.end() ? 0 : static_cast<std::size_t>(found - pairing_.port.begin());
  }

  // Where one side has something left and the other, at that point, nothing that it could be. In a port that has gone
  // wrong the shape can be what is wrong, and excludes nothing.
  void tell_what_has_no_counterpart() {
    const auto gone_wrong = first_gone_wrong();
    std::vector<std::size_t> alone_in_port, alone_in_reference;
    for (const auto& gap : gaps()) {
      const auto could_be = [&](std::size_t i, std::size_t j) {
        return gap.port_end > gone_wrong ||
               may_have_one_shape(reference_.modules[i].outputs.front(), port_.modules[j].outputs.front());
      };
      for (const auto j : gap.port) {
        if (std::none_of(gap.reference.begin(), gap.reference.end(), [&](auto i) { return could_be(i, j); })) {
          alone_in_port.push_back(j);
        }
      }
      for (const auto i : gap.reference) {
        if (std::none_of(gap.port.begin(), gap.port.end(), [&](auto j) { return could_be(i, j); })) {
          alone_in_reference.push_back(i);
        }
      }
    }
    set_alone(pairing_.port, port_names_, alone_in_port);
    set_alone(pairing_.reference, reference_names_, alone_in_reference);
  }

  // And what is the same in other blocks.
  static void set_alone(std::vector<Finding>& findings, const std::vector<NumberedName>& names,
                        const std::vector<std::size_t>& alone) {
    PatternTable table;
    for (const auto place : alone) {
      findings[place].why = Why::NoCounterpart;
      table.add(names[place], "", nullptr, "", 1);
    }
    for (std::size_t place = 0; place < findings.size(); ++place) {
      if (findings[place].why == Why::Unknown && !table.predictions(names[place], 1).empty()) {
        findings[place].why = Why::NoCounterpart;
      }
    }
  }

  const ScoredSide &reference_, &port_;
  std::vector<NumberedName> reference_names_, port_names_;
  std::unordered_map<std::string, std::size_t> place_of_;
  Children children_in_reference_, children_in_port_;
  Pairing pairing_;
};

}  // namespace

Pairing find_pairs(const ScoredSide& reference, const ScoredSide& port, const std::function<void(double)>& progress) {
  return PairFinder(reference, port).run(progress);
}

}  // namespace fvhooks::internal
