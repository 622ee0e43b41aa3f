#pragma once
// Bugs that ports of this model are known for, to be planted in a clean model: what a trace comparison has to find.
#include <span>
#include <string_view>

#include "transformer.h"

namespace wan {

struct Bug {
  std::string_view name;
  std::string_view description;
  void (*plant)(WanTransformer3DModelImpl& model);
};

std::span<const Bug> all_bugs();

// Throws fvhooks::Exception, naming those that there are, for an unknown name.
void plant_bug(WanTransformer3DModelImpl& model, std::string_view name);

}  // namespace wan
