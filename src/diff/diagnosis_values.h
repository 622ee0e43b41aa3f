#pragma once
// What two records of one tensor say about how the port's values came out of the reference's.
#include <optional>
#include <string>

#include "fvhooks/comparison.h"
#include "fvhooks/record.h"

namespace fvhooks::internal {

// Evidence is a sentence; nothing: the numbers do not carry it. `slack`: relative differences that rounding explains.
std::optional<std::string> non_finite_evidence(const Record& reference, const Record& port);
std::optional<std::string> transposed_evidence(const Record& reference, const Record& port, double slack);
std::optional<std::string> narrower_evidence(const Record& reference, const Record& port, const Row& row);
std::optional<std::string> permuted_evidence(const Record& reference, const Record& port, double slack);
std::optional<std::string> shifted_evidence(const Record& reference, const Record& port, double slack);

// port ≈ factor · reference
struct Scaling {
  double factor = 1;
  double residual = 0;            // ‖port − factor · reference‖ / ‖factor · reference‖
  bool is_of_few_values = false;  // a number or two are always a multiple of others
};
std::optional<Scaling> scaling(const Record& reference, const Record& port);
bool is_constant_factor(const Scaling& scaling, double slack);
std::string scaling_evidence(const Scaling& scaling, const Record& reference);

// Relative L2 by sketch; nothing where there is none, or another shape.
std::optional<double> distance(const Record& reference, const Record& port);

}  // namespace fvhooks::internal
