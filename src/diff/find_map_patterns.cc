#include "diff/find_map_patterns.h"

#include <algorithm>
#include <bit>

#include "names/rule_line.h"

namespace fvhooks::internal {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_set(NumberedName::Wildcards wildcards, std::size_t i) { return (wildcards >> i & 1U) != 0; }

std::vector<std::string> numbers_of(const NumberedName& name, NumberedName::Wildcards wildcards) {
  std::vector<std::string> numbers;
  for (std::size_t i = 0; i < name.numbers(); ++i) {
    if (is_set(wildcards, i)) numbers.push_back(name.number(i));
  }
  return numbers;
}

// A pattern whose stars become `numbers`. Names that need quotes have no numbers.
std::string filled_in(const std::string& pattern, const std::vector<std::string>& numbers) {
  std::string name;
  std::size_t next = 0;
  for (const char c : pattern) {
    if (c == '*' && next < numbers.size()) {
      name += numbers[next++];
    } else {
      name += c;
    }
  }
  return name;
}

}  // namespace

NumberedName::NumberedName(const std::string& name) : literals_(1) {
  const bool is_quoted = written_name(name) != name;
  for (std::size_t i = 0; i < name.size();) {
    auto end = i;
    while (end < name.size() && is_digit(name[end])) ++end;
    const bool begins = i == 0 || name[i - 1] == '.' || name[i - 1] == '_';
    const bool ends = end == name.size() || name[end] == '.';
    if (end > i && begins && ends && !is_quoted && numbers_.size() < kMaxNumbers) {
      numbers_.push_back(name.substr(i, end - i));
      literals_.emplace_back();
      i = end;
      continue;
    }
    end = std::max(end, i + 1);
    literals_.back().append(name, i, end - i);
    i = end;
  }
}

std::string NumberedName::pattern(Wildcards wildcards) const {
  if (numbers_.empty()) return written_name(literals_.front());
  std::string text = literals_.front();
  for (std::size_t i = 0; i < numbers_.size(); ++i) {
    text += is_set(wildcards, i) ? "*" : numbers_[i];
    text += literals_[i + 1];
  }
  return text;
}

std::optional<NumberedName::Wildcards> NumberedName::corresponding(const NumberedName& other,
                                                                   Wildcards wildcards) const {
  Wildcards found = 0;
  std::size_t next = 0;
  for (const auto& number : numbers_of(other, wildcards)) {
    while (next < numbers_.size() && numbers_[next] != number) ++next;
    if (next == numbers_.size()) return std::nullopt;
    found |= Wildcards{1} << next++;
  }
  return found;
}

std::vector<NumberedName::Wildcards> NumberedName::choices() const {
  std::vector<Wildcards> choices(std::size_t{1} << numbers_.size());
  for (std::size_t i = 0; i < choices.size(); ++i) choices[i] = static_cast<Wildcards>(i);
  std::stable_sort(choices.begin(), choices.end(),
                   [](Wildcards a, Wildcards b) { return std::popcount(a) > std::popcount(b); });
  return choices;
}

std::optional<std::string> PatternTable::right_side(const NumberedName& name, const NumberedName* other,
                                                    const std::string& other_tensor,
                                                    NumberedName::Wildcards wildcards) {
  if (!other) return kNoCounterpart;
  const auto there = other->corresponding(name, wildcards);
  if (!there) return std::nullopt;
  return other->pattern(*there) + other_tensor;
}

void PatternTable::add(const NumberedName& name, const std::string& tensor, const NumberedName* other,
                       const std::string& other_tensor, double weight) {
  for (const auto wildcards : name.choices()) {
    // What cannot be said with these wildcards speaks against them all the same.
    const auto right = right_side(name, other, other_tensor, wildcards).value_or("");
    auto& support = known_[name.pattern(wildcards) + tensor][right];
    const auto numbers = numbers_of(name, wildcards);
    if (support.weight == 0) support.first_numbers = numbers;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (numbers[i] != support.first_numbers[i]) support.varying |= 1U << i;
    }
    support.weight += weight;
  }
}

std::vector<std::string> PatternTable::predictions(const NumberedName& name, double share) const {
  std::vector<std::string> predictions;
  for (const auto wildcards : name.choices()) {
    const auto found = known_.find(name.pattern(wildcards));
    if (wildcards == 0 || found == known_.end()) continue;
    double all = 0;
    const std::pair<const std::string, Support>* best = nullptr;
    for (const auto& entry : found->second) {
      all += entry.second.weight;
      if (!best || entry.second.weight > best->second.weight) best = &entry;
    }
    if (best->second.weight < share * all || best->first.empty()) continue;
    predictions.push_back(filled_in(best->first, numbers_of(name, wildcards)));
  }
  return predictions;
}

PatternTable::Sides PatternTable::rule(const NumberedName& name, const std::string& tensor, const NumberedName* other,
                                       const std::string& other_tensor) const {
  for (const auto wildcards : name.choices()) {
    const auto left = name.pattern(wildcards) + tensor;
    const auto right = right_side(name, other, other_tensor, wildcards);
    const auto found = known_.find(left);
    if (wildcards == 0 || !right || found == known_.end() || found->second.size() != 1) continue;
    const auto support = found->second.find(*right);
    if (support == found->second.end()) continue;
    const auto all_vary = (1U << std::popcount(wildcards)) - 1;
    if (support->second.varying == all_vary) return {left, *right};
  }
  return {name.pattern(0) + tensor, right_side(name, other, other_tensor, 0).value_or(kNoCounterpart)};
}

}  // namespace fvhooks::internal
