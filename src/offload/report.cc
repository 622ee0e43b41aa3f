#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <string_view>

#include "fvhooks/offload_plan.h"

namespace fvhooks {
namespace {

double sum(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

void append_microseconds(std::string& out, double seconds) {
  std::array<char, 32> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), seconds * 1e6, std::chars_format::fixed, 3).ptr;
  out.append(text.data(), end);
}

std::string_view kind_name(OffloadEvent::Kind kind) {
  switch (kind) {
    case OffloadEvent::Kind::Load:
      return "load";
    case OffloadEvent::Kind::Stall:
      return "stall";
    case OffloadEvent::Kind::Use:
      return "use";
  }
  return "";
}

// The loader is one row of the picture, the computing side another.
int row_of(OffloadEvent::Kind kind) { return kind == OffloadEvent::Kind::Load ? 2 : 1; }

}  // namespace

double OffloadReport::stalled() const noexcept { return sum(stall_seconds); }

double OffloadReport::efficiency() const noexcept {
  const double least = std::max(wall_seconds - stalled(), sum(load_seconds));
  return wall_seconds > 0 ? std::min(1.0, least / wall_seconds) : 1;
}

std::string chrome_trace(const OffloadReport& report) {
  std::string out = R"({"displayTimeUnit":"ms","traceEvents":[)"
                    R"({"ph":"M","pid":1,"tid":1,"name":"thread_name","args":{"name":"compute"}},)"
                    R"({"ph":"M","pid":1,"tid":2,"name":"thread_name","args":{"name":"transfer"}})";
  for (const auto& event : report.events) {
    out += R"(,{"ph":"X","pid":1,"tid":)" + std::to_string(row_of(event.kind)) + R"(,"name":")";
    out += kind_name(event.kind);
    out += " " + std::to_string(event.block) + R"(","ts":)";
    append_microseconds(out, event.begin);
    out += R"(,"dur":)";
    append_microseconds(out, event.end - event.begin);
    out += R"(,"args":{"slot":)" + std::to_string(event.slot) + "}}";
  }
  return out + "]}\n";
}

}  // namespace fvhooks
