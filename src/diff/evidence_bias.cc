#include "diff/evidence_bias.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "diff/error.h"

namespace fvhooks::internal {
namespace {

// Measured on clean ports: a single bias reaches 6 units, the mean over a tensor's records 3.
double most_units_by_rounding(std::size_t records) { return 4 + 5 / std::sqrt(static_cast<double>(records)); }

// Below this a bias is float32's own, whoever made it: a kernel that rounds one way, say.
constexpr double kLeastBias = 4 * 0x1p-23;

bool can_be_judged(const Row& row) {
  return row.is_pair() && row.by_sketch() && std::isfinite(row.error) && row.error > 0 && std::isfinite(row.bias_noise);
}

std::uint64_t fingerprint(const Row& row) {
  return (std::uint64_t{std::bit_cast<std::uint32_t>(row.error)} << 32) |
         std::bit_cast<std::uint32_t>(row.abs_mean_bias);
}

}  // namespace

void BiasTest::add(Sum& sum, const Row& row, float bias) {
  if (!std::isfinite(bias)) return;
  const double ratio = double{bias} / row.error;
  sum.units += ratio / row.bias_noise;
  sum.ratio += ratio;
  sum.bias += bias;
}

void BiasTest::add(const RecordKey& key, const Row& row) {
  if (!can_be_judged(row)) return;
  constexpr std::size_t kMostRemembered = 64;
  const auto id = names_.id(NameView(key));
  if (id == tensors_.size()) tensors_.emplace_back();
  auto& tensor = tensors_[id];
  const auto print = fingerprint(row);
  if (std::find(tensor.seen.begin(), tensor.seen.end(), print) != tensor.seen.end()) return;
  if (tensor.seen.size() < kMostRemembered) tensor.seen.push_back(print);
  ++tensor.count;
  add(tensor.abs_mean, row, row.abs_mean_bias);
  add(tensor.mean, row, row.mean_bias);
}

bool BiasTest::is_biased(const Sum& sum, const Tensor& tensor, const Row& row, float bias, double noise_ratio) {
  if (!std::isfinite(bias)) return false;
  const double count = static_cast<double>(tensor.count);
  const double mean_units = sum.units / count;
  const double units = double{bias} / (double{row.error} * row.bias_noise);
  return std::fabs(mean_units) > most_units_by_rounding(tensor.count) && std::fabs(sum.bias / count) > kLeastBias &&
         std::fabs(sum.ratio / count) > 2 * noise_ratio && units * mean_units > mean_units * mean_units / 2;
}

bool BiasTest::is_biased(const RecordKey& key, const Row& row, const NoiseFloors* noise) {
  if (!can_be_judged(row)) return false;
  const auto& tensor = tensors_.at(names_.id(NameView(key)));
  const double noise_ratio = noise ? noise->bias_ratio(key) : 0;
  return is_biased(tensor.abs_mean, tensor, row, row.abs_mean_bias, noise_ratio) ||
         is_biased(tensor.mean, tensor, row, row.mean_bias, noise_ratio);
}

bool has_diverged_by_bias(const Row& row) noexcept {
  return row.status == Status::Diverged && !row.is_settled && row.error <= row.threshold;
}

std::string bias_clause(const Row& row) {
  const bool is_abs_mean = !(std::fabs(row.mean_bias) > std::fabs(row.abs_mean_bias));
  const double bias = is_abs_mean ? row.abs_mean_bias : row.mean_bias;
  return std::string(is_abs_mean ? "its magnitude" : "its mean") + " is " + short_number(100 * std::fabs(bias)) +
         (bias < 0 ? " % lower" : " % higher") + ", of an error of " + short_number(100 * double{row.error}) +
         " %: systematic, where rounding would average out";
}

}  // namespace fvhooks::internal
