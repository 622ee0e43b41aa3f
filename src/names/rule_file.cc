#include "names/rule_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace fvhooks::internal {

Expected<std::string> read_rule_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || (text.str().empty() && file.bad())) return Error{path + ": cannot be read: " + std::strerror(errno)};
  return std::move(text).str();
}

std::optional<Error> visit_rules(std::string_view text, const std::string& path, const RuleVisitor& visit) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto where = path + ":" + std::to_string(line);
    const auto end = std::min(text.find('\n'), text.size());
    if (auto error = visit(text.substr(0, end), where)) return Error{where + ": " + error->message};
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

}  // namespace fvhooks::internal
