#include "report/wrap.h"

#include <algorithm>

namespace fvhooks::internal {
namespace {

// Of the characters that a terminal shows.
std::size_t shown_width(std::string_view text) {
  std::size_t width = 0;
  bool is_escape = false;
  for (const char c : text) {
    const bool is_continuation = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    is_escape = is_escape || c == '\x1b';
    width += !is_escape && !is_continuation;
    is_escape = is_escape && c != 'm';
  }
  return width;
}

void append_wrapped(std::string& out, std::string_view line, std::size_t width) {
  const auto indent = std::min(line.find_first_not_of(' '), line.size());
  const auto hanging = 2 * indent < width ? indent + 2 : indent;
  out += line.substr(0, indent);
  line.remove_prefix(indent);
  auto used = indent;
  bool is_first = true;
  while (!line.empty()) {
    const auto blanks = std::min(line.find_first_not_of(' '), line.size());
    const auto end = std::min(line.find(' ', blanks), line.size());
    const auto word = line.substr(blanks, end - blanks);
    const auto length = shown_width(word);
    if (is_first || used + blanks + length <= width) {
      out += line.substr(0, end);
      used += blanks + length;
    } else {
      out += '\n' + std::string(hanging, ' ');
      out += word;
      used = hanging + length;
    }
    is_first = false;
    line.remove_prefix(end);
  }
}

}  // namespace

std::string wrapped(std::string_view text, std::size_t width) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    append_wrapped(out, text.substr(0, end), width);
    if (end < text.size()) out += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace fvhooks::internal
