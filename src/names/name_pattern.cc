#include "names/name_pattern.h"

#include <algorithm>

namespace fvhooks::internal {
namespace {

std::string escaped(std::string_view literal) {
  constexpr std::string_view kSpecial = R"(\^$.|?*+()[]{})";
  std::string pattern;
  for (const char c : literal) {
    if (kSpecial.find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Expected<std::vector<NameTemplate::Piece>> NameTemplate::pieces_of(const RuleSide& side) {
  std::vector<Piece> pieces(1);
  if (side.kind == RuleSide::Kind::Name) {
    pieces.back().literal = side.text;
    return pieces;
  }
  const std::string_view text = side.text;
  std::size_t groups = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '*') {
      pieces.back().literal += text[i];
      continue;
    }
    if (text.substr(i).starts_with("**")) {
      auto& literal = pieces.back().literal;
      const bool is_whole_component = i == 0 || (literal.ends_with('.') && literal.size() > 1);
      if (!is_whole_component || i + 2 != text.size()) {
        return Error{"** stands for all that is left: write it last, behind a point, or alone"};
      }
      if (i != 0) literal.pop_back();
      pieces.push_back({i != 0 ? "." : "", ++groups, true});
      return pieces;
    }
    pieces.push_back({"", ++groups, false});
    pieces.emplace_back();
  }
  return pieces;
}

Expected<NameMatcher> NameMatcher::of(const RuleSide& side) {
  NameMatcher matcher;
  std::string pattern = side.text;
  if (side.kind != RuleSide::Kind::Expression) {
    const auto pieces = NameTemplate::pieces_of(side);
    if (!pieces) return pieces.error();
    if (pieces->size() == 1) {
      matcher.name_ = pieces->front().literal;
      return matcher;
    }
    pattern = "(?s)";
    for (const auto& [literal, group, is_rest] : *pieces) {
      if (is_rest) {
        pattern += literal.empty() ? "(.*)" : "(?:\\.(.+))?";
      } else {
        pattern += group != 0 ? "([^.]+)" : escaped(literal);
      }
    }
  }
  auto regex = PythonRegex::compile(pattern);
  if (!regex) return Error{"/" + pattern + "/ is no regular expression: " + regex.error().message};
  matcher.regex_ = *std::move(regex);
  return matcher;
}

Expected<std::vector<std::string>> NameMatcher::match(std::string_view name) const {
  if (regex_) return regex_->full_match(name);
  return name == name_ ? std::vector{name_} : std::vector<std::string>();
}

Expected<NameTemplate> NameTemplate::of_pattern(const RuleSide& side) {
  auto pieces = pieces_of(side);
  if (!pieces) return pieces.error();
  NameTemplate made;
  made.pieces_ = *std::move(pieces);
  return made;
}

Expected<NameTemplate> NameTemplate::of_replacement(const RuleSide& side, const PythonRegex& expression) {
  NameTemplate made;
  made.pieces_.emplace_back();
  if (side.kind == RuleSide::Kind::Name) {
    made.pieces_.back().literal = side.text;
    return made;
  }
  const std::string_view text = side.text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '*') return Error{"with a regular expression, write \\1, \\2, … for its groups, not *"};
    if (text[i] != '\\') {
      made.pieces_.back().literal += text[i];
      continue;
    }
    const auto rest = text.substr(i + 1);
    std::optional<std::size_t> group;
    if (rest.starts_with('\\')) {
      made.pieces_.back().literal += '\\';
      ++i;
      continue;
    }
    if (const auto end = rest.find('>'); rest.starts_with("g<") && end != std::string_view::npos) {
      group = expression.group_named(std::string(rest.substr(2, end - 2)));
      i += end + 1;
    } else if (!rest.empty() && is_digit(rest.front()) && rest.front() != '0') {
      group = static_cast<std::size_t>(rest.front() - '0');
      ++i;
    }
    if (!group || *group > expression.group_count()) {
      return Error{"\"" + side.text + "\" asks for a group that the regular expression does not have: write \\1 to \\" +
                   std::to_string(std::max<std::size_t>(1, expression.group_count())) + ", \\g<name>, or \\\\"};
    }
    made.pieces_.push_back({"", *group, false});
    made.pieces_.emplace_back();
  }
  return made;
}

bool NameTemplate::has_wildcards_of(const NameTemplate& other) const noexcept {
  const auto wildcards = [](const NameTemplate& name) {
    return std::count_if(name.pieces_.begin(), name.pieces_.end(), [](const Piece& piece) { return piece.group != 0; });
  };
  return wildcards(*this) == wildcards(other) && pieces_.back().is_rest == other.pieces_.back().is_rest;
}

std::string NameTemplate::expand(const std::vector<std::string>& groups) const {
  std::string name;
  for (const auto& [literal, group, is_rest] : pieces_) {
    if (is_rest && groups[group].empty()) continue;
    name += literal;
    if (group != 0) name += groups[group];
  }
  return name;
}

}  // namespace fvhooks::internal
