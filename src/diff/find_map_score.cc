#include "diff/find_map_score.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>

namespace fvhooks::internal {
namespace {

constexpr double kNear = 0.2;            // relative L2 distance of two whole tensors
constexpr double kRounding = 1e-7;       // nearer than float32 can tell
constexpr double kTimesTheNearest = 10;  // what is this much farther than the best fit is another tensor
constexpr std::size_t kFitsOfOneModule = 16;

// What each kind of evidence is worth beside the values, which are worth up to kValues.
constexpr double kValues = 4, kInputs = 3, kKind = 1.5, kOrigin = 2, kName = 1, kRoot = 1;

// 1: the same bits; 0: as far as kNear.
double closeness(double apart) { return std::log(kNear / std::max(apart, kRounding)) / std::log(kNear / kRounding); }

// Of `tensors`, the distance of the nearest to `tensor`, if it is near.
std::optional<Distance> nearest(const TensorTrait& tensor, const std::vector<TensorTrait>& tensors) {
  std::optional<Distance> best;
  for (const auto& other : tensors) {
    const auto found = distance(other, tensor);
    if (found && is_near(*found) && (!best || found->apart < best->apart)) best = found;
  }
  return best;
}

struct Agreement {
  std::size_t count = 0;  // tensors of the port that have one near them
  double closeness = 0;   // of those, on average
  Distance distance;      // of the first
};

Agreement agreement(const std::vector<TensorTrait>& reference, const std::vector<TensorTrait>& port) {
  Agreement agreement;
  double sum = 0;
  for (const auto& tensor : port) {
    const auto found = nearest(tensor, reference);
    if (!found) continue;
    if (agreement.count == 0) agreement.distance = *found;
    ++agreement.count;
    sum += closeness(found->apart);
  }
  if (agreement.count != 0) agreement.closeness = sum / static_cast<double>(agreement.count);
  return agreement;
}

double ratio(std::size_t part, std::size_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }

std::optional<Fit> fit_by_values(const ScoredSide& reference, std::size_t i, const ScoredSide& port, std::size_t j) {
  const auto &a = reference.modules[i], &b = port.modules[j];
  const auto outputs = agreement(a.outputs, b.outputs);
  const auto most = std::max(a.outputs.size(), b.outputs.size());
  if (outputs.count == 0 || 2 * outputs.count < most) return std::nullopt;
  Fit fit{i, j, kValues * outputs.closeness * ratio(outputs.count, most), outputs.distance, false};
  if (!a.inputs.empty() && !b.inputs.empty()) {
    const auto inputs = agreement(a.inputs, b.inputs);
    fit.by_inputs = inputs.count != 0;
    const auto fewest = std::min(a.inputs.size(), b.inputs.size());
    if (fit.by_inputs) fit.score += kInputs / 2 * (1 + ratio(std::min(inputs.count, fewest), fewest));
  }
  fit.score += kKind * int{a.is_container == b.is_container} + kOrigin * int{a.is_origin == b.is_origin} +
               kRoot * int{a.root == b.root} + kName * name_similarity(reference.words[i], port.words[j]);
  return fit;
}

std::vector<std::string> words_in(std::string_view text) {
  enum class Kind { Other, Letter, Digit };
  const auto kind_of = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isdigit(byte) != 0) return Kind::Digit;
    return std::isalnum(byte) != 0 || byte >= 0x80 ? Kind::Letter : Kind::Other;
  };
  std::vector<std::string> words;
  auto before = Kind::Other;
  for (const char c : text) {
    const auto kind = kind_of(c);
    if (kind != Kind::Other) {
      if (kind != before) words.emplace_back();
      words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    before = kind;
  }
  std::sort(words.begin(), words.end());
  return words;
}

// Dice's coefficient: what two lists have in common.
double dice(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  if (a.empty() && b.empty()) return 1;
  std::vector<std::string> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return 2 * ratio(common.size(), a.size() + b.size());
}

// Outputs of one side by the size of their values: only those of about one size can be near each other.
struct OutputBySize {
  double magnitude = 0;
  std::size_t module = 0;
};

std::vector<OutputBySize> outputs_by_size(const std::vector<ModuleTrait>& modules) {
  std::vector<OutputBySize> outputs;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    for (const auto& output : modules[i].outputs) {
      if (output.magnitude != 0) outputs.push_back({output.magnitude, i});
    }
  }
  std::sort(outputs.begin(), outputs.end(),
            [](const OutputBySize& a, const OutputBySize& b) { return a.magnitude < b.magnitude; });
  return outputs;
}

std::vector<std::size_t> modules_with_outputs_like(const ModuleTrait& module,
                                                   const std::vector<OutputBySize>& by_size) {
  std::vector<std::size_t> found;
  for (const auto& output : module.outputs) {
    const auto begin =
        std::lower_bound(by_size.begin(), by_size.end(), output.magnitude * (1 - kNear),
                         [](const OutputBySize& entry, double magnitude) { return entry.magnitude < magnitude; });
    for (auto entry = begin; entry != by_size.end() && entry->magnitude * (1 - kNear) <= output.magnitude; ++entry) {
      found.push_back(entry->module);
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

void keep_the_best(std::vector<Fit>& fits) {
  double nearest_of_all = kNear;
  for (const auto& fit : fits) nearest_of_all = std::min(nearest_of_all, fit.distance->apart);
  const double limit = std::max(kTimesTheNearest * nearest_of_all, 100 * kRounding);
  std::erase_if(fits, [&](const Fit& fit) { return fit.distance->apart > limit; });
  std::stable_sort(fits.begin(), fits.end(), [](const Fit& a, const Fit& b) { return a.score > b.score; });
  if (fits.size() > kFitsOfOneModule) fits.resize(kFitsOfOneModule);
}

}  // namespace

bool is_near(const Distance& distance) noexcept {
  constexpr double kNearInStatistics = 0.02, kNearInOneStatistic = 0.002;
  if (distance.numbers >= TensorTrait::kBuckets) return distance.apart < kNear;
  return distance.apart < (distance.numbers > 1 ? kNearInStatistics : kNearInOneStatistic);
}

ScoredSide::ScoredSide(std::vector<ModuleTrait> in_order) : modules(std::move(in_order)) {
  words.reserve(modules.size());
  for (const auto& module : modules) words.push_back(words_of(module.name));
}

Words words_of(const std::string& name) {
  const auto last_letter = name.find_last_not_of(".0123456789");
  const auto point = last_letter == std::string::npos ? std::string::npos : name.rfind('.', last_letter);
  const auto cut = point == std::string::npos ? 0 : point;
  return {words_in(std::string_view(name).substr(cut)), words_in(std::string_view(name).substr(0, cut))};
}

double name_similarity(const Words& a, const Words& b) { return (dice(a.last, b.last) + dice(a.path, b.path)) / 2; }

std::vector<Fit> fits_by_values(const ScoredSide& reference, const ScoredSide& port,
                                const std::function<void(double)>& progress) {
  constexpr std::size_t kModulesBetweenReports = 256;
  const auto by_size = outputs_by_size(reference.modules);
  std::vector<Fit> fits;
  for (std::size_t j = 0; j < port.modules.size(); ++j) {
    if (progress && j % kModulesBetweenReports == 0) progress(ratio(j, port.modules.size()));
    std::vector<Fit> of_module;
    for (const auto i : modules_with_outputs_like(port.modules[j], by_size)) {
      if (const auto fit = fit_by_values(reference, i, port, j)) of_module.push_back(*fit);
    }
    keep_the_best(of_module);
    fits.insert(fits.end(), of_module.begin(), of_module.end());
  }
  return fits;
}

std::optional<double> fit_by_names(const ScoredSide& reference, std::size_t i, const ScoredSide& port, std::size_t j) {
  constexpr double kLeast = 1.5, kNameAlone = 1.5, kKindAlone = 0.75, kOriginAlone = 1;
  const auto &a = reference.modules[i], &b = port.modules[j];
  if (!may_have_one_shape(a.outputs.front(), b.outputs.front())) return std::nullopt;
  const auto sign = [](bool agrees) { return agrees ? 1.0 : -1.0; };
  const double score = kNameAlone * name_similarity(reference.words[i], port.words[j]) +
                       kKindAlone * sign(a.is_container == b.is_container) +
                       kOriginAlone * sign(a.is_origin == b.is_origin);
  return score > kLeast ? std::optional(score - kLeast) : std::nullopt;
}

}  // namespace fvhooks::internal
