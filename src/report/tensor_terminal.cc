#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/counted.h"
#include "fvhooks/tensor_report.h"
#include "report/table.h"

namespace fvhooks {
namespace {

using internal::printable;

std::string heading(const RecordKey& key) {
  std::string text = key.module.empty() ? "the root module" : printable(key.module);
  if (!key.root.empty()) text += " of " + printable(key.root);
  text += " " + printable(key.tensor) +
          (key.step ? fmt::format(" (step {}, call {}", *key.step, key.call) : fmt::format(" (call {}", key.call));
  if (key.rank) text += fmt::format(", rank {}", *key.rank);
  return text + ")";
}

std::string dtypes(const TensorDiff& diff) {
  const auto reference = torch_name(diff.reference_dtype), port = torch_name(diff.port_dtype);
  return reference == port ? std::string(reference) : fmt::format("{} and {}", reference, port);
}

std::string element(std::string_view what, const std::optional<ElementPair>& pair) {
  if (!pair) return {};
  return fmt::format("    {} at [{}]: {:.6g} in the reference, {:.6g} in the port\n", what,
                     fmt::join(pair->index, ", "), pair->reference, pair->port);
}

// "0: 61 %, up to 1/2: 3 %, 1: 20 %, 2: 10 %"
std::string ulps(const TensorDiff& diff) {
  const auto all = std::accumulate(diff.ulps.begin(), diff.ulps.end(), std::uint64_t{0});
  if (diff.differing == 0 || all == 0) return {};
  std::string text;
  for (std::size_t i = 0; i < diff.ulps.size(); ++i) {
    if (diff.ulps[i] == 0) continue;
    const auto bound = i == 0   ? "0"
                       : i == 1 ? "≤ 1/2"
                       : i < 22 ? fmt::format("≤ {}", 1U << (i - 2))
                                : fmt::format("≤ 2^{}", i - 2);
    text += fmt::format("{}{}: {:.3g} %", text.empty() ? "" : ", ", bound,
                        100.0 * static_cast<double>(diff.ulps[i]) / static_cast<double>(all));
  }
  return fmt::format("    units of the last place of {}  {}\n", torch_name(diff.ulp_dtype), text);
}

// From 0 to 1; what is no number is nothing.
double share_of(double error, double most) {
  if (!(most > 0) || std::isnan(error)) return 0;
  if (error == most) return 1;
  return std::isinf(most) ? 0 : error / most;
}

// Heights from 0 to the largest; of more errors than `width`, the largest of neighbours.
std::string strip(const std::vector<double>& errors, std::size_t width) {
  constexpr std::array kHeights = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  constexpr double kTallest = kHeights.size() - 1;
  const auto most = *std::ranges::max_element(errors);
  const auto together = (errors.size() + width - 1) / width;
  std::string text;
  for (std::size_t i = 0; i < errors.size(); i += together) {
    const auto end = std::min(errors.size(), i + together);
    const auto error = *std::max_element(errors.begin() + static_cast<std::ptrdiff_t>(i),
                                         errors.begin() + static_cast<std::ptrdiff_t>(end));
    text += kHeights[static_cast<std::size_t>(std::lround(kTallest * share_of(error, most)))];
  }
  return text;
}

std::string axis(std::size_t number, const AxisErrors& errors, const TerminalStyle& style) {
  constexpr std::size_t kWidest = 60;
  const auto [least, most] = std::ranges::minmax(errors.errors);
  return fmt::format("    axis {} ({})  {}  {:.2g} to {:.2g}, most at {}\n", number, errors.size,
                     strip(errors.errors, std::clamp<std::size_t>(style.width / 2, 1, kWidest)), least, most,
                     errors.worst());
}

std::string axes(const TensorDiff& diff, const TerminalStyle& style) {
  std::string text;
  for (std::size_t i = 0; i < diff.axes.size(); ++i)
    if (diff.max_abs > 0 && diff.axes[i].size > 1) text += axis(i, diff.axes[i], style);
  return text;
}

std::string details(const TensorDiff& diff, const TerminalStyle& style) {
  auto text = fmt::format("    [{}] {}: ", fmt::join(diff.sizes, ", "), dtypes(diff));
  if (diff.differing == 0) return text + "equal\n";
  text += fmt::format("{} of {} differ, relative L2 {:.3g}", diff.differing, internal::counted(diff.elements, "number"),
                      diff.relative_l2);
  if (diff.cosine) text += fmt::format(", 1 − cosine {:.2g}", std::max(0.0, 1.0 - *diff.cosine));
  text += fmt::format(", at most {:.3g}\n", diff.max_abs);
  text += element("worst", diff.worst);
  if (diff.non_finite_mismatches > 0)
    text += element(internal::counted(diff.non_finite_mismatches, "pair") + " not finite in the same way, the first",
                    diff.first_non_finite);
  return text + axes(diff, style) + ulps(diff);
}

}  // namespace

std::string terminal_tensor_report(const TensorReport& report, const TerminalStyle& style) {
  auto text = fmt::format("\ntensors of {} and {}\n", printable(report.reference), printable(report.port));
  for (const auto& comparison : report.tensors) {
    text += "  " + heading(comparison.key) + "\n";
    text += comparison.diff ? details(*comparison.diff, style) : "    " + printable(comparison.trouble) + "\n";
  }
  if (report.tensors.empty()) text += "  no pair of records to look at\n";
  for (const auto& note : report.notes) text += "  note: " + printable(note) + "\n";
  return text;
}

}  // namespace fvhooks
