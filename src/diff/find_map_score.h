#pragma once
// How well a module of the port fits one of the reference.
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "diff/find_map_modules.h"

namespace fvhooks::internal {

// Two tensors closer than this can be one tensor in two programs, perhaps gone wrong. Few numbers are as near as that
// by chance: every norm's outputs have about one abs_mean.
bool is_near(const Distance& distance) noexcept;

struct Fit {
  std::size_t reference = 0, port = 0;  // places in the order of execution
  double score = 0;
  std::optional<Distance> distance;  // of the outputs; none: it was not by values
  bool by_inputs = false;            // the inputs agree as well
};

// A name's words, sorted: those of its last component that is more than a number, with what follows, and the others.
struct Words {
  std::vector<std::string> last, path;
};
Words words_of(const std::string& name);
double name_similarity(const Words& a, const Words& b);  // 0 to 1

// A trace's modules with what is computed from them once.
struct ScoredSide {
  explicit ScoredSide(std::vector<ModuleTrait> in_order);
  std::vector<ModuleTrait> modules;
  std::vector<Words> words;
};

// Pairs whose outputs agree: of each module of the port the few best.
std::vector<Fit> fits_by_values(const ScoredSide& reference, const ScoredSide& port,
                                const std::function<void(double)>& progress);

// By shape, kind and name alone, above 0; nothing: they do not go together.
std::optional<double> fit_by_names(const ScoredSide& reference, std::size_t i, const ScoredSide& port, std::size_t j);

}  // namespace fvhooks::internal
