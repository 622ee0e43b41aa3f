#pragma once
// How far legitimate variations of the reference are from it, record by record (docs/diff.md).
#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "fvhooks/comparison.h"

namespace fvhooks::internal {

// "blocks.#.attn1.to_q out": modules that differ in their numbers alone do the same.
std::string kind_of(const RecordKey& key);

class NoiseFloors {
 public:
  explicit NoiseFloors(std::size_t reference_records) : errors_(reference_records, Row::kNaN) {}

  // A noise trace against the reference.
  void add(const Comparisons& pairs);

  // Of traces made under injection: the largest error of this tensor of this module, over all steps and calls, be it 0.
  // NaN: they say nothing, or were not made so.
  double alone(const RecordKey& key) const;

  std::size_t trace_count() const noexcept { return traces_; }

  // A record of the reference may be this far away: factor() times the floor. NaN: the noise traces say nothing.
  double threshold(std::uint32_t reference, const RecordKey& key) const;
  double floor(std::uint32_t reference, const RecordKey& key) const;

  // The largest systematic difference, relative to its error, among records of this kind; 0 if there was none.
  double bias_ratio(const RecordKey& key) const;

  // With few traces the largest of them says little about the next one.
  double factor() const noexcept;

 private:
  struct Kind {
    double sum = 0;
    std::size_t count = 0;
    double bias_ratio = 0;
  };

  std::vector<float> errors_;                     // by place in the reference: the largest
  std::unordered_map<std::string, Kind> kinds_;   // records of like modules, together
  std::unordered_map<std::string, float> alone_;  // by module and tensor
  std::size_t traces_ = 0;
};

}  // namespace fvhooks::internal
