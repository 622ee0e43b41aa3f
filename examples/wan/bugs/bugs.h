#pragma once
// Bugs that ports of such models are known for, to be planted in a clean port: what a trace comparison has to find. And
// legitimate differences (other kernels, another order of operations): what it must not take for a bug.
#include <span>
#include <string_view>
#include <vector>

#include "port.h"

namespace wan {

struct Planting {
  std::string_view name;
  std::string_view description;
  void (*plant)(Port& port);
};

std::vector<Planting> all_bugs();
std::vector<Planting> all_variants();

// Legitimate differences that show in a trace, unless a view puts them right (docs/when-layouts-differ.md).
std::vector<Planting> all_layouts();

// Plants the one with that name. Throws fvhooks::Exception, naming those that there are, if there is none.
void plant(Port& port, const std::vector<Planting>& plantings, std::string_view name);

// By the part of the port that they are in, one file each.
std::span<const Planting> rotary_bugs();
std::span<const Planting> attention_bugs();
std::span<const Planting> norm_bugs();
std::span<const Planting> feed_forward_bugs();
std::span<const Planting> modulation_bugs();
std::span<const Planting> embedding_bugs();
std::span<const Planting> patch_and_block_bugs();
std::span<const Planting> weight_bugs();
std::span<const Planting> denoise_bugs();

}  // namespace wan
