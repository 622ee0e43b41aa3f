#include "diff/noise.h"

#include <algorithm>
#include <cmath>

namespace fvhooks::internal {

std::string kind_of(const RecordKey& key) {
  std::string kind = key.root + ' ';
  for (const char character : key.module) {
    const bool is_digit = character >= '0' && character <= '9';
    if (!is_digit) {
      kind += character;
    } else if (kind.back() != '#') {
      kind += '#';
    }
  }
  return kind + ' ' + key.tensor;
}

namespace {
std::string name_of(const RecordKey& key) { return key.root + '\n' + key.module + '\n' + key.tensor; }
}  // namespace

void NoiseFloors::add(const Comparisons& pairs) {
  ++traces_;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto& row = pairs.row(i);
    if (!row.is_pair() || !std::isfinite(row.error)) continue;
    if (row.is_exact) {
      auto& alone = alone_[name_of(pairs.key(i))];
      alone = std::max(alone, row.error);
    }
    auto& largest = errors_[row.reference];
    largest = std::isnan(largest) ? row.error : std::max(largest, row.error);
    auto& kind = kinds_[kind_of(pairs.key(i))];
    kind.sum += row.error;
    ++kind.count;
    if (row.error == 0) continue;
    for (const auto bias : {row.abs_mean_bias, row.mean_bias}) {
      if (std::isfinite(bias)) kind.bias_ratio = std::max(kind.bias_ratio, std::fabs(double{bias}) / row.error);
    }
  }
}

// A record that happens to come out well in the noise traces is held to what its like do.
double NoiseFloors::floor(std::uint32_t reference, const RecordKey& key) const {
  const double own = errors_[reference];
  const auto found = kinds_.find(kind_of(key));
  const double of_kind = found == kinds_.end() ? 0 : found->second.sum / static_cast<double>(found->second.count);
  const double floor = std::isnan(own) ? of_kind : std::max(own, of_kind);
  return floor != 0 ? floor : Row::kNaN;
}

double NoiseFloors::alone(const RecordKey& key) const {
  const auto found = alone_.find(name_of(key));
  return found == alone_.end() ? Row::kNaN : found->second;
}

double NoiseFloors::factor() const noexcept { return 3 + 2 / static_cast<double>(std::max<std::size_t>(traces_, 1)); }

double NoiseFloors::threshold(std::uint32_t reference, const RecordKey& key) const {
  return factor() * floor(reference, key);
}

double NoiseFloors::bias_ratio(const RecordKey& key) const {
  const auto found = kinds_.find(kind_of(key));
  return found == kinds_.end() ? 0 : found->second.bias_ratio;
}

}  // namespace fvhooks::internal
