#include "diff/find_map_modules.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "diff/call_stack.h"

namespace fvhooks::internal {
namespace {

// Two tensors of one program this close are one tensor that was handed on, perhaps in another dtype.
constexpr double kSame = 1e-6;

std::vector<std::int64_t> without_ones(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> rest;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(rest), [](std::int64_t size) { return size != 1; });
  return rest;
}

double element_count(const std::vector<std::int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), 1.0,
                         [](double count, std::int64_t size) { return count * static_cast<double>(size); });
}

double norm_of(const std::array<float, TensorTrait::kBuckets>& sketch) {
  double squares = 0;
  for (const float value : sketch) squares += double{value} * value;
  return std::sqrt(squares);
}

TensorTrait trait_of(const Record& record) {
  TensorTrait trait;
  trait.label = record.tensor;
  if (const auto* value = record.find("shape")) {
    if (const auto* shape = std::get_if<std::vector<std::int64_t>>(value)) trait.shape = *shape;
  }
  for (std::size_t i = 0; i < trait.statistics.size(); ++i) {
    trait.statistics[i] = record.number(TensorTrait::kStatistics[i]).value_or(std::numeric_limits<double>::quiet_NaN());
  }
  if (record.sketch.buckets != 0) {
    const auto folded = fold(record.sketch, TensorTrait::kBuckets);
    std::copy_n(folded.values.begin(), TensorTrait::kBuckets, trait.sketch.emplace().begin());
    trait.magnitude = norm_of(*trait.sketch);
    constexpr double kOverflowed = std::numeric_limits<float>::max();
    if (!(trait.magnitude < kOverflowed)) trait.sketch.reset();
  }
  if (!trait.sketch) {
    const auto known = std::find_if(trait.statistics.begin(), trait.statistics.end(),
                                    [](double value) { return std::isfinite(value); });
    trait.magnitude = known == trait.statistics.end() ? 0 : std::fabs(*known);
  }
  return trait;
}

bool is_input_label(std::string_view label) { return label.starts_with("in"); }

bool lies_in(const ModuleTrait& module, const ModuleTrait& container) {
  return module.root == container.root && is_ancestor(container.name, module.name);
}

class Collector {
 public:
  explicit Collector(std::optional<std::optional<std::int64_t>> step) : wanted_step_(step) {}

  void add(const Record& record) {
    if (!is_of_this_run(record)) return;
    traits_.steps.insert(record.step);
    if (!step_) step_ = record.step;
    if (record.step != *step_) return;
    auto& module = module_of(record);
    auto& tensors = is_input_label(record.tensor) ? module.inputs : module.outputs;
    const bool is_known = std::any_of(tensors.begin(), tensors.end(),
                                      [&](const TensorTrait& tensor) { return tensor.label == record.tensor; });
    if (is_known) return;  // a later call
    if (!is_input_label(record.tensor) && module.outputs.empty()) module.order = record.seq.value_or(count_);
    ++count_;
    tensors.push_back(trait_of(record));
  }

  ModuleTraits finish() {
    std::erase_if(traits_.modules, [](const ModuleTrait& module) { return module.outputs.empty(); });
    std::stable_sort(traits_.modules.begin(), traits_.modules.end(),
                     [](const ModuleTrait& a, const ModuleTrait& b) { return a.order < b.order; });
    mark_containers();
    mark_values_handed_on();
    traits_.step = step_.value_or(std::nullopt);
    return std::move(traits_);
  }

 private:
  // A new run, or a lower rank, starts afresh.
  bool is_of_this_run(const Record& record) {
    const bool is_first = runs_.empty(), is_lower_rank = record.rank < rank_;
    const bool is_new_run = record.rank == rank_ && !runs_.contains(record.run);
    if (!is_first && !is_lower_rank && !is_new_run) return record.rank == rank_ && record.run == run_;
    if (is_lower_rank) runs_.clear();
    runs_.insert(record.run);
    run_ = record.run;
    rank_ = record.rank;
    step_ = wanted_step_;
    count_ = 0;
    places_.clear();
    traits_ = {};
    return true;
  }

  ModuleTrait& module_of(const Record& record) {
    const auto [found, is_new] = places_.try_emplace(record.root + '\0' + record.module, traits_.modules.size());
    if (is_new) {
      traits_.modules.emplace_back();
      traits_.modules.back().root = record.root;
      traits_.modules.back().name = record.module;
    }
    return traits_.modules[found->second];
  }

  void mark_containers() {
    std::set<std::pair<std::string, std::string>> parents;
    for (const auto& module : traits_.modules) {
      for (auto point = module.name.rfind('.'); point != std::string::npos && point != 0;
           point = module.name.rfind('.', point - 1)) {
        if (!parents.emplace(module.root, module.name.substr(0, point)).second) break;
      }
      if (!module.name.empty()) parents.emplace(module.root, "");
    }
    for (auto& module : traits_.modules) module.is_container = parents.contains({module.root, module.name});
  }

  void mark_values_handed_on() {
    std::vector<std::size_t> by_magnitude(traits_.modules.size());
    std::iota(by_magnitude.begin(), by_magnitude.end(), std::size_t{0});
    const auto output = [&](std::size_t i) -> const TensorTrait& { return traits_.modules[i].outputs.front(); };
    std::stable_sort(by_magnitude.begin(), by_magnitude.end(),
                     [&](std::size_t a, std::size_t b) { return output(a).magnitude < output(b).magnitude; });
    const auto is_same = [](const TensorTrait& a, const TensorTrait& b) {
      const auto found = distance(a, b);
      return found && found->apart <= kSame && may_have_one_shape(a, b);
    };
    for (std::size_t i = 0; i < by_magnitude.size(); ++i) {
      const double limit = output(by_magnitude[i]).magnitude * (1 + 2 * kSame);
      for (std::size_t j = i + 1; j < by_magnitude.size() && output(by_magnitude[j]).magnitude <= limit; ++j) {
        const auto [earlier, later] = std::minmax(by_magnitude[i], by_magnitude[j]);
        auto& module = traits_.modules[later];
        if (lies_in(traits_.modules[earlier], module)) continue;
        module.is_origin &= !is_same(output(earlier), output(later));
      }
    }
    for (auto& module : traits_.modules) {
      for (const auto& input : module.inputs) module.is_origin &= !is_same(input, module.outputs.front());
    }
  }

  std::optional<std::optional<std::int64_t>> wanted_step_, step_;
  std::optional<std::int64_t> rank_;
  std::string run_;
  std::set<std::string> runs_;
  std::uint64_t count_ = 0;
  std::unordered_map<std::string, std::size_t> places_;
  ModuleTraits traits_;
};

}  // namespace

Expected<ModuleTraits> read_modules(TraceReader& reader, std::optional<std::optional<std::int64_t>> step,
                                    const std::function<void(double)>& progress) {
  constexpr std::uint64_t kRecordsBetweenReports = 4096;
  Collector collector(step);
  Record record;
  std::uint64_t count = 0;
  for (; reader.next(record); ++count) {
    collector.add(record);
    if (count % kRecordsBetweenReports == 0 && progress && reader.bytes_total().value_or(0) != 0) {
      progress(static_cast<double>(reader.bytes_read()) / static_cast<double>(*reader.bytes_total()));
    }
  }
  if (count == 0) return Error{"holds no record"};
  return collector.finish();
}

std::optional<Distance> distance(const TensorTrait& a, const TensorTrait& b) {
  if (a.shape && b.shape && element_count(*a.shape) != element_count(*b.shape)) return std::nullopt;
  if (a.magnitude == 0 || b.magnitude == 0) return std::nullopt;
  if (a.sketch && b.sketch) {
    double squares = 0;
    for (std::size_t i = 0; i < a.sketch->size(); ++i) {
      const double difference = double{(*a.sketch)[i]} - (*b.sketch)[i];
      squares += difference * difference;
    }
    return Distance{std::sqrt(squares) / std::max(a.magnitude, b.magnitude), a.sketch->size()};
  }
  Distance largest;
  for (std::size_t i = 0; i < a.statistics.size(); ++i) {
    const double x = a.statistics[i], y = b.statistics[i];
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    const double scale = std::max(std::fabs(x), std::fabs(y));
    largest.apart = std::max(largest.apart, scale == 0 ? 0 : std::fabs(x - y) / scale);
    ++largest.numbers;
  }
  return largest.numbers != 0 ? std::optional(largest) : std::nullopt;
}

bool may_have_one_shape(const TensorTrait& a, const TensorTrait& b) {
  return !a.shape || !b.shape || without_ones(*a.shape) == without_ones(*b.shape);
}

}  // namespace fvhooks::internal
