#pragma once
// Is a difference systematic? Rounding is random and averages out of a magnitude; a bug does not (docs/diff.md).
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "diff/interner.h"
#include "diff/noise.h"
#include "fvhooks/comparison.h"

namespace fvhooks::internal {

// Adds up, for each tensor of each module, the signed biases of all its steps and calls, each in units of what rounding
// leaves in it.
class BiasTest {
 public:
  void add(const RecordKey& key, const Row& row);

  // This row's bias, and that of its tensor over the whole trace, are more than rounding. After all were added.
  bool is_biased(const RecordKey& key, const Row& row, const NoiseFloors* noise);

 private:
  struct Sum {
    double units = 0;  // of bias / (error · bias_noise)
    double bias = 0;
    double ratio = 0;  // of bias / error
  };
  struct NameView {
    explicit NameView(const RecordKey& key) : rank(key.rank), root(key.root), module(key.module), tensor(key.tensor) {}
    auto parts() const { return std::tie(rank, root, module, tensor); }
    std::optional<std::int64_t> rank;
    std::string_view root, module, tensor;
  };
  struct Name {
    explicit Name(const NameView& seen) : rank(seen.rank), root(seen.root), module(seen.module), tensor(seen.tensor) {}
    auto parts() const {
      return std::tuple<const std::optional<std::int64_t>&, std::string_view, std::string_view, std::string_view>(
          rank, root, module, tensor);
    }
    std::optional<std::int64_t> rank;
    std::string root, module, tensor;
  };
  struct Tensor {
    std::size_t count = 0;
    Sum abs_mean, mean;
    std::vector<std::uint64_t> seen;  // the same values again (the time, in each pass of a step) are no new evidence
  };

  static void add(Sum& sum, const Row& row, float bias);
  static bool is_biased(const Sum& sum, const Tensor& tensor, const Row& row, float bias, double noise_ratio);

  Interner<Name, NameView> names_;
  std::vector<Tensor> tensors_;  // by the number of its name
};

// The row's error is within its threshold, and its bias is not.
bool has_diverged_by_bias(const Row& row) noexcept;

// "its magnitude is 0.3 % lower, …": of such a row.
std::string bias_clause(const Row& row);

}  // namespace fvhooks::internal
