#include "fvhooks/torch/containers.h"

namespace fvhooks::nn {

// Another body than off's: identical ones may be folded into one address.
void SequentialImpl::on() { TORCH_INTERNAL_ASSERT(false, "never called"); }

std::shared_ptr<torch::nn::Module> SequentialImpl::clone(const std::optional<torch::Device>& device) const {
  auto copy = std::make_shared<SequentialImpl>();
  auto module = begin();
  for (const auto& child : named_children()) copy->push_back(child.key(), (module++)->clone(device));
  return copy;
}

}  // namespace fvhooks::nn
