#pragma once
// Which modules of a model a trace is to hook.
#include <string>
#include <string_view>
#include <vector>

#include "fvhooks/config.h"

namespace torch::nn {
class Module;
}

namespace fvhooks::internal {

struct TraceTarget {
  std::string name;  // its first, if it hangs in several places
  torch::nn::Module* module;
};

// The names of the model, "", and of all modules under it, whether they can be hooked or not.
std::vector<std::string> module_names(torch::nn::Module& model);

// Warns of modules that cannot be hooked, and of a pattern that finds none. Throws Exception for a bad pattern.
std::vector<TraceTarget> trace_targets(torch::nn::Module& model, const TraceConfig& config);

// The `count` names that `text` is most like, by edit distance to a name or to its last parts.
std::vector<std::string> nearest_names(std::string_view text, const std::vector<std::string>& names, std::size_t count);

}  // namespace fvhooks::internal
