#include "problems.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "core/counted.h"
#include "report/table.h"

namespace fvtrace {

void warn_of_problems(const std::string& path, const fvhooks::TraceReader& reader, std::uint64_t lines_before) {
  constexpr std::size_t kShown = 5;
  const auto& problems = reader.problems();
  const auto shown = std::min(kShown, problems.size());
  for (std::size_t i = 0; i < shown; ++i) {
    spdlog::warn("{}:{}: {}", fvhooks::internal::printable(path), lines_before + problems[i].line,
                 fvhooks::internal::printable(problems[i].message));
  }
  if (reader.problem_count() > shown) {
    spdlog::warn("{}: {} could not be read (fvtrace check names them)", fvhooks::internal::printable(path),
                 fvhooks::internal::counted(reader.problem_count() - shown, "more line"));
  }
}

}  // namespace fvtrace
