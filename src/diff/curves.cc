#include "diff/curves.h"

#include <cmath>
#include <map>
#include <string>

namespace fvhooks::internal {
namespace {

CurvePoint point_of(const Row& row) {
  CurvePoint point;
  point.error = row.error;
  if (!std::isnan(row.threshold)) point.threshold = row.threshold;
  return point;
}

void raise(CurvePoint& point, const CurvePoint& other) {
  if (!(other.error > point.error)) return;
  point = other;
}

std::vector<CurvePoint> thinned(const std::vector<CurvePoint>& points, std::size_t most_points) {
  if (points.size() <= most_points) return points;
  std::vector<CurvePoint> fewer;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto place = i * most_points / points.size();
    if (place == fewer.size()) {
      fewer.push_back(points[i]);
    } else {
      raise(fewer[place], points[i]);
    }
  }
  return fewer;
}

// The largest error for each key, in the order in which keys come first. `label` enters a key into its point.
template <class KeyOf, class Label>
std::vector<CurvePoint> largest_by(const Comparisons& pairs, const KeyOf& key_of, const Label& label) {
  std::vector<CurvePoint> points;
  std::map<decltype(key_of(RecordKey())), std::size_t> places;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto& row = pairs.row(i);
    if (!row.is_pair() || row.is_input || !std::isfinite(row.error)) continue;
    const auto key = pairs.key(i);
    auto point = point_of(row);
    label(point, key);
    const auto [place, is_new] = places.try_emplace(key_of(key), points.size());
    if (is_new) {
      points.push_back(std::move(point));
    } else {
      raise(points[place->second], point);
    }
  }
  return points;
}

}  // namespace

std::vector<CurvePoint> error_over_depth(const Comparisons& pairs, std::size_t most_points) {
  const auto points = largest_by(
      pairs, [](const RecordKey& key) { return std::pair(key.root, key.module); },
      [](CurvePoint& point, const RecordKey& key) { point.module = key.module; });
  return thinned(points, most_points);
}

std::vector<CurvePoint> error_over_steps(const Comparisons& pairs, std::size_t most_points) {
  auto points = largest_by(
      pairs, [](const RecordKey& key) { return key.step; },
      [](CurvePoint& point, const RecordKey& key) { point.step = key.step; });
  std::erase_if(points, [](const CurvePoint& point) { return !point.step; });
  return thinned(points, most_points);
}

}  // namespace fvhooks::internal
