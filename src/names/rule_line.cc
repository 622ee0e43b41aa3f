#include "names/rule_line.h"

namespace fvhooks::internal {
namespace {

constexpr std::string_view kBlank = " \t\r";

bool is_blank(char c) { return kBlank.find(c) != std::string_view::npos; }

}  // namespace

void RuleLine::skip_blanks() {
  while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
}

bool RuleLine::take(char separator) {
  skip_blanks();
  if (peek() != separator) return false;
  ++at_;
  skip_blanks();
  return true;
}

std::string RuleLine::shown_so_far() const {
  const auto text = line_.substr(0, at_);
  return "\"" + std::string(text.substr(0, text.find_last_not_of(kBlank) + 1)) + "\"";
}

std::string_view RuleLine::word() {
  const auto begin = at_;
  while (at_ < line_.size() && !is_blank(line_[at_]) && !is_separator(line_[at_])) ++at_;
  const auto text = line_.substr(begin, at_ - begin);
  skip_blanks();
  return text;
}

Expected<RuleSide> RuleLine::name() {
  auto side = name_without_blanks();
  skip_blanks();
  return side;
}

Expected<RuleSide> RuleLine::name_without_blanks() {
  using Kind = RuleSide::Kind;
  if (peek() == '/') return delimited(Kind::Expression, '/');
  if (peek() == '"') return delimited(Kind::Name, '"');
  if (peek() == '@') {
    ++at_;
    if (peek() == '"') return delimited(Kind::Root, '"');
    return RuleSide{Kind::Root, std::string(word()), {}};
  }
  const auto text = word();
  if (text == "-") return RuleSide{Kind::Nothing, {}, {}};
  return RuleSide{Kind::Pattern, std::string(text), {}};
}

// Of a backslash, a quoted name keeps what follows (of \n, a newline), an expression both.
Expected<RuleSide> RuleLine::delimited(RuleSide::Kind kind, char delimiter) {
  std::string text;
  for (std::size_t i = at_ + 1; i < line_.size(); ++i) {
    if (line_[i] == delimiter) {
      at_ = i + 1;
      return RuleSide{kind, std::move(text), {}};
    }
    if (line_[i] == '\\' && i + 1 < line_.size()) {
      if (kind == RuleSide::Kind::Expression) text += line_[i];
      ++i;
      if (kind != RuleSide::Kind::Expression && line_[i] == 'n') {
        text += '\n';
        continue;
      }
    }
    text += line_[i];
  }
  return Error{"the closing " + std::string(1, delimiter) + " is missing"};
}

// Keys of mappings in it are JSON strings, which may hold anything: out["a = b"].
Expected<std::string> RuleLine::label() {
  const auto begin = at_;
  bool is_quoted = false;
  while (at_ < line_.size() && (is_quoted || (!is_blank(line_[at_]) && !is_separator(line_[at_])))) {
    if (line_[at_] == '"') is_quoted = !is_quoted;
    at_ += is_quoted && line_[at_] == '\\' && at_ + 1 < line_.size() ? 2 : 1;
  }
  std::string text(line_.substr(begin, at_ - begin));
  if (!text.starts_with("out") && !text.starts_with("in")) {
    return Error{"\"" + text + "\" is no tensor: write out…, in[…]…, or quote a name with spaces in it"};
  }
  skip_blanks();
  return text;
}

std::string written_name(std::string_view name) {
  constexpr std::string_view kFirst = "/\"@#", kAnywhere = " \t\r\n=*\\";
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // which a file may begin with
  const bool is_plain = !name.empty() && !name.starts_with(kByteOrderMark) && name != "-" &&
                        kFirst.find(name.front()) == std::string_view::npos &&
                        name.find_first_of(kAnywhere) == std::string_view::npos;
  if (is_plain) return std::string(name);
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\' || c == '\n') quoted += '\\';
    quoted += c == '\n' ? 'n' : c;
  }
  return quoted + '"';
}

}  // namespace fvhooks::internal
