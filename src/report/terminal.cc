#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <set>

#include "core/counted.h"
#include "fvhooks/report.h"
#include "report/sparkline.h"
#include "report/subtree.h"
#include "report/table.h"
#include "report/wrap.h"

namespace fvhooks {
namespace {

using internal::counted;
using internal::printable;

class Paint {
 public:
  explicit Paint(bool colour) : colour_(colour) {}
  std::string good(const std::string& text) const { return wrap("1;32", text); }
  std::string bad(const std::string& text) const { return wrap("1;31", text); }
  std::string strong(const std::string& text) const { return wrap("1", text); }

 private:
  std::string wrap(std::string_view code, const std::string& text) const {
    return colour_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
  }
  bool colour_;
};

std::string module_name(const std::string& root, const std::string& module) {
  if (module.empty()) return root.empty() ? "the root module" : "the root module of " + printable(root);
  return root.empty() ? printable(module) : printable(module) + " of " + printable(root);
}

std::string moment(const std::optional<std::int64_t>& step, std::uint64_t call,
                   const std::optional<std::int64_t>& rank) {
  std::string text = step ? fmt::format("step {}, call {}", *step, call) : fmt::format("call {}", call);
  if (rank) text += fmt::format(", rank {}", *rank);
  return text;
}

std::size_t agreeing(const Verdict& verdict) {
  return verdict.count(Status::Equal) + verdict.count(Status::Within) + verdict.count(Status::Reordered);
}

// Of a verdict in which no values are known to differ.
std::string_view why_incomplete(const Verdict& verdict) {
  if (agreeing(verdict) == 0) return "nothing was compared";
  if (verdict.count(Status::Missing) + verdict.count(Status::Extra) == 0) {
    return "no values are known to differ, but some records have nothing in common that could be compared";
  }
  return "no values are known to differ, but not every record has a counterpart to compare it with";
}

// Of a verdict that passed: what would have failed, had --fail-on not excused it.
std::string excused(const Verdict& verdict) {
  std::string text;
  for (std::size_t i = 0; i < kStatusCount; ++i) {
    const auto status = static_cast<Status>(i);
    if (verdict.counts[i] == 0 || !is_failure(status)) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", verdict.counts[i], status_name(status));
  }
  return text.empty() ? text : "; excused by --fail-on: " + text;
}

// Of a port under injection.
std::string wrong_modules(const Verdict& verdict, const Paint& paint) {
  const auto count = verdict.wrong.size();
  std::string text = fmt::format("{}  {} {} wrong by {}\n", paint.bad("DIVERGED"), counted(count, "module"),
                                 count == 1 ? "is" : "are", count == 1 ? "itself" : "themselves");
  for (const auto& module : verdict.wrong) {
    const auto name = module.outside ? "what calls the model" : module_name(module.root, module.module);
    text +=
        fmt::format("  {} (first at {}, {}): {}\n", paint.strong(name), moment(module.step, module.call, module.rank),
                    counted(module.calls, "call"), printable(module.reason));
  }
  for (const auto& module : verdict.unjudged)
    text += fmt::format("  not judged in some call, it was given something wrong: {}\n", module_name("", module));
  return text;
}

std::string headline(const Verdict& verdict, const Paint& paint) {
  if (verdict.passed) {
    const auto count = agreeing(verdict);
    return fmt::format("{}  {} agree{}{}\n", paint.good("PASS"), counted(count, "record"), count == 1 ? "s" : "",
                       excused(verdict));
  }
  if (!verdict.wrong.empty()) return wrong_modules(verdict, paint);
  const auto differs =
      verdict.count(Status::Diverged) + verdict.count(Status::Shape) + verdict.count(Status::NonFinite);
  if (!verdict.introducer) {
    return fmt::format("{}  {}\n", paint.bad("INCOMPLETE"), why_incomplete(verdict));
  }
  const auto& introducer = *verdict.introducer;
  const auto where = moment(introducer.step, introducer.call, introducer.rank);
  if (introducer.outside) {
    return fmt::format("{}  the model was given other inputs ({})\n  {}\n", paint.bad("DIVERGED"), where,
                       printable(introducer.reason));
  }
  const auto name = paint.strong(module_name(introducer.root, introducer.module));
  const auto claim = introducer.by_inputs ? fmt::format("{} introduced the error", name)
                                          : fmt::format("{} is the first that differs", name);
  return fmt::format("{}  {} ({}), {} record{}\n  {}\n", paint.bad("DIVERGED"), claim, where, differs,
                     differs == 1 ? " differs" : "s differ", printable(introducer.reason));
}

std::string first_failure(const Verdict& verdict) {
  if (!verdict.first_diverged) return {};
  const auto first = verdict.comparison(*verdict.first_diverged);
  std::string text = fmt::format("  first failure: {} {} ({}): {}", module_name(first.key.root, first.key.module),
                                 printable(first.key.tensor), moment(first.key.step, first.key.call, first.key.rank),
                                 status_name(first.status));
  if (first.error && first.threshold) {
    text += fmt::format(", error {:.2g} where {:.2g} is allowed", *first.error, *first.threshold);
  }
  if (!first.detail.empty()) text += " (" + printable(first.detail) + ")";
  return text + "\n";
}

std::string counts(const Verdict& verdict) {
  std::string text;
  for (std::size_t i = 0; i < kStatusCount; ++i) {
    if (verdict.counts[i] == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "  " : ", ", verdict.counts[i], status_name(static_cast<Status>(i)));
  }
  return text.empty() ? text : text + "\n";
}

constexpr std::size_t kGroupsShown = 12;

std::string part_text(const std::optional<std::int64_t>& step) { return step ? fmt::to_string(*step) : "none"; }
std::string part_text(std::uint64_t call) { return fmt::to_string(call); }

// "steps 1, 2 missing in the port (168 records)"
template <typename Part>
std::string by_part(std::string_view name, const std::set<Part>& parts, std::string_view what, std::size_t records) {
  if (parts.empty()) return {};
  std::string list;
  for (const auto& part : parts | std::views::take(kGroupsShown)) list += (list.empty() ? "" : ", ") + part_text(part);
  if (parts.size() > kGroupsShown) list += fmt::format(" … and {} more", parts.size() - kGroupsShown);
  return fmt::format("  {}{} {} {} ({})\n", name, parts.size() == 1 ? "" : "s", list, what, counted(records, "record"));
}

// "blocks.7.* missing in the port (84 records)"
std::string by_subtree(const std::vector<internal::Subtree>& groups, std::string_view what) {
  std::string text;
  for (const auto& group : groups | std::views::take(kGroupsShown)) {
    std::string name =
        group.module.empty() ? (group.has_children ? "everything" : "the root module") : printable(group.module);
    if (group.has_children && !group.module.empty()) name += ".*";
    text += fmt::format("  {} {} ({}{})\n", name, what,
                        group.is_whole ? "" : "some of its records: ", counted(group.records, "record"));
  }
  if (groups.size() > kGroupsShown)
    text += fmt::format("  … and {}\n", counted(groups.size() - kGroupsShown, "more module"));
  return text;
}

std::string absent(const Verdict& verdict, Status status, std::string_view what) {
  const auto parts = internal::absent_parts(verdict, status);
  return by_part("rank", parts.ranks, what, parts.records_in_ranks) +
         by_part("step", parts.steps, what, parts.records_in_steps) +
         by_part("call", parts.calls, what, parts.records_in_calls) +
         by_subtree(internal::subtrees(verdict, status, parts), what);
}

std::string missing_and_extra(const Verdict& verdict) {
  const bool may_have_other_names = verdict.count(Status::Missing) != 0 && verdict.count(Status::Extra) != 0;
  return absent(verdict, Status::Missing, "missing in the port") + absent(verdict, Status::Extra, "only in the port") +
         (may_have_other_names ? "  If modules have other names in the port: fvtrace map finds them, --map takes them\n"
                               : "");
}

std::string problems(const TraceSummary& trace) {
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(trace.problems.size(), kShown); ++i) {
    const auto& problem = trace.problems[i];
    text += fmt::format("  {}:{}: {}\n", printable(problem.file), problem.line, printable(problem.message));
  }
  const auto shown = std::min<std::uint64_t>(trace.problems.size(), kShown);
  if (trace.problem_count > shown) {
    text += fmt::format("  {}: {} could not be read\n", printable(trace.path),
                        counted(trace.problem_count - shown, "more line"));
  }
  return text;
}

// "  error over depth  ▁▁▂▁▇▇▇  1.1e-07 to 0.81"
std::string curve(std::string_view title, const std::vector<CurvePoint>& points, const TerminalStyle& style) {
  constexpr std::size_t kBesideTheLine = 44, kLeast = 16;
  if (points.size() < 2) return {};
  const auto [least, greatest] = std::ranges::minmax(points, {}, &CurvePoint::error);
  const auto width = std::max(kLeast, style.width - std::min(style.width, kBesideTheLine));
  return fmt::format("  {:<16}  {}  {:.2g} to {:.2g}\n", title, internal::sparkline(points, width, style.colour),
                     least.error, greatest.error);
}

// "  same values in another order, in blocks.7.attn1: the magnitudes agree, …"
std::string diagnosis(const Verdict& verdict, const Paint& paint) {
  std::string text;
  for (const auto& finding : verdict.diagnosis) {
    const bool has_place = !finding.root.empty() || !finding.module.empty();
    const auto place = has_place ? ", in " + module_name(finding.root, finding.module) : std::string();
    text += fmt::format("  {}{}: {}\n", paint.strong(printable(finding.kind)), place, printable(finding.evidence));
  }
  return text;
}

std::string section(std::string_view title, const std::string& body) {
  return body.empty() ? std::string() : fmt::format("\n{}\n{}", title, body);
}

std::string notes(const Verdict& verdict) {
  std::string text = "  thresholds: " + verdict.threshold_source + "\n";
  for (const auto& note : verdict.notes) text += "  " + printable(note) + "\n";
  return text;
}

}  // namespace

std::string terminal_report(const Verdict& verdict, const TerminalStyle& style) {
  const Paint paint(style.colour);
  const auto sentences = [&](const std::string& text) {
    return style.wraps ? internal::wrapped(text, style.width) : text;
  };
  return sentences(headline(verdict, paint) + diagnosis(verdict, paint) + first_failure(verdict) + counts(verdict)) +
         curve("error over depth", verdict.error_over_depth, style) +
         curve("error over steps", verdict.error_over_steps, style) +
         section(verdict.passed ? "Closest to their thresholds" : "In the order of execution",
                 internal::table(verdict, style)) +
         sentences(section("Missing and extra", missing_and_extra(verdict)) +
                   section("In another order",
                           by_subtree(internal::subtrees(verdict, Status::Reordered), "reordered in the port")) +
                   section("Lines that could not be read", problems(verdict.reference) + problems(verdict.port)) +
                   section("Notes", notes(verdict)));
}

}  // namespace fvhooks
