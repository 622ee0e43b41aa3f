#include "diff/name_map_syntax.h"

namespace fvhooks::internal {
namespace {

constexpr std::string_view kBlank = " \t\r";

bool is_blank(char c) { return kBlank.find(c) != std::string_view::npos; }

class LineParser {
 public:
  explicit LineParser(std::string_view line) : line_(line) {}

  Expected<std::optional<RuleText>> run() {
    skip_blanks();
    if (at_end()) return std::optional<RuleText>();
    auto left = side();
    if (!left) return left.error();
    if (peek() != '=') return Error{"there is no = behind " + shown_so_far() + ": write PORT = REFERENCE"};
    ++at_;
    auto right = side();
    if (!right) return right.error();
    if (!at_end()) return Error{"nothing may follow " + shown_so_far() + ": quote a name with spaces in it"};
    return std::optional(RuleText{*std::move(left), *std::move(right)});
  }

 private:
  // A comment ends a line where a name could begin.
  bool at_end() const { return at_ >= line_.size() || line_[at_] == '#'; }
  char peek() const { return at_ < line_.size() ? line_[at_] : '\0'; }
  void skip_blanks() {
    while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
  }
  std::string shown_so_far() const {
    const auto text = line_.substr(0, at_);
    return "\"" + std::string(text.substr(0, text.find_last_not_of(kBlank) + 1)) + "\"";
  }

  Expected<RuleSide> side() {
    skip_blanks();
    if (at_end() || peek() == '=') {
      return Error{"a name is missing behind " + shown_so_far() + ": write PORT = REFERENCE, or - for nothing"};
    }
    auto side = name();
    if (!side) return side;
    skip_blanks();
    if (at_end() || peek() == '=') return side;
    if (side->kind == RuleSide::Kind::Root) return Error{"a root has no tensors: write @PORT = @REFERENCE"};
    side->label = label();
    if (!side->label->starts_with("out") && !side->label->starts_with("in")) {
      return Error{"\"" + *side->label + "\" is no tensor: write out…, in[…]…, or quote a name with spaces in it"};
    }
    skip_blanks();
    return side;
  }

  Expected<RuleSide> name() {
    using Kind = RuleSide::Kind;
    if (peek() == '/') return delimited(Kind::Expression, '/');
    if (peek() == '"') return delimited(Kind::Name, '"');
    if (peek() == '@') {
      ++at_;
      if (peek() == '"') return delimited(Kind::Root, '"');
      return RuleSide{Kind::Root, bare(), {}};
    }
    auto text = bare();
    if (text == "-") return RuleSide{Kind::Nothing, {}, {}};
    return RuleSide{Kind::Pattern, std::move(text), {}};
  }

  // Of a backslash, a quoted name keeps what follows (of \n, a newline), an expression both.
  Expected<RuleSide> delimited(RuleSide::Kind kind, char delimiter) {
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

  std::string bare() {
    const auto begin = at_;
    while (at_ < line_.size() && !is_blank(line_[at_]) && line_[at_] != '=') ++at_;
    return std::string(line_.substr(begin, at_ - begin));
  }

  // Keys of mappings in it are JSON strings, which may hold anything: out["a = b"].
  std::string label() {
    const auto begin = at_;
    bool is_quoted = false;
    while (at_ < line_.size() && (is_quoted || (!is_blank(line_[at_]) && line_[at_] != '='))) {
      if (line_[at_] == '"') is_quoted = !is_quoted;
      at_ += is_quoted && line_[at_] == '\\' && at_ + 1 < line_.size() ? 2 : 1;
    }
    return std::string(line_.substr(begin, at_ - begin));
  }

  std::string_view line_;
  std::size_t at_ = 0;
};

}  // namespace

Expected<std::optional<RuleText>> parse_rule(std::string_view line) { return LineParser(line).run(); }

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
