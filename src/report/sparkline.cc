#include "report/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace fvhooks::internal {
namespace {

constexpr std::array<std::string_view, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

bool is_above(const CurvePoint& point) { return point.threshold && !(point.error <= *point.threshold); }

// Decades from the smallest error or threshold that is not zero to the largest that is not infinite: where the errors
// stand towards their thresholds shows in their height.
class Scale {
 public:
  explicit Scale(std::span<const CurvePoint> points) {
    for (const auto& point : points) {
      include(point.error);
      include(point.threshold.value_or(0));
    }
    high_ = std::max(high_, low_ + 1);  // less than a decade is no hill
  }

  std::string_view block(double error) const {
    if (error == 0) return kBlocks.front();
    if (!std::isfinite(error)) return kBlocks.back();
    const auto height = (std::log10(error) - low_) / (high_ - low_) * static_cast<double>(kBlocks.size() - 1);
    return kBlocks[static_cast<std::size_t>(std::clamp(std::round(height), 0.0, double{kBlocks.size() - 1}))];
  }

 private:
  void include(double value) {
    if (!(value > 0) || std::isinf(value)) return;
    low_ = std::min(low_, std::log10(value));
    high_ = std::max(high_, std::log10(value));
  }

  double low_ = std::numeric_limits<double>::infinity(), high_ = -std::numeric_limits<double>::infinity();
};

bool is_worse(const CurvePoint& a, const CurvePoint& b) {
  if (is_above(a) != is_above(b)) return is_above(a);
  return !(a.error <= b.error);
}

}  // namespace

std::string sparkline(std::span<const CurvePoint> points, std::size_t width, bool colour) {
  const Scale scale(points);
  const auto columns = std::min(points.size(), width);
  std::string line;
  bool is_red = false;
  const auto paint = [&](bool wanted) {
    if (colour && wanted != is_red) line += wanted ? "\x1b[31m" : "\x1b[0m";
    is_red = wanted;
  };
  for (std::size_t column = 0; column < columns; ++column) {
    const auto first = points.begin() + static_cast<std::ptrdiff_t>(column * points.size() / columns);
    const auto last = points.begin() + static_cast<std::ptrdiff_t>((column + 1) * points.size() / columns);
    const auto worst = std::min_element(first, last, is_worse);
    paint(is_above(*worst));
    line += scale.block(worst->error);
  }
  paint(false);
  return line;
}

}  // namespace fvhooks::internal
