#include "bugs.h"

#include <algorithm>
#include <string>

#include "fvhooks/expected.h"

namespace wan {

std::vector<Planting> all_bugs() {
  std::vector<Planting> bugs;
  for (const auto part : {rotary_bugs(), attention_bugs(), norm_bugs(), feed_forward_bugs(), modulation_bugs(),
                          embedding_bugs(), patch_and_block_bugs(), weight_bugs(), denoise_bugs()})
    bugs.insert(bugs.end(), part.begin(), part.end());
  return bugs;
}

void plant(Port& port, const std::vector<Planting>& plantings, std::string_view name) {
  const auto found = std::ranges::find(plantings, name, &Planting::name);
  if (found == plantings.end()) {
    std::string message = "there is none named \"" + std::string(name) + "\"; there are:";
    for (const auto& planting : plantings) message += " " + std::string(planting.name);
    throw fvhooks::Exception(message);
  }
  found->plant(port);
}

}  // namespace wan
