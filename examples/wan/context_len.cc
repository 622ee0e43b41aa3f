#include "context_len.h"

namespace wan {

Tensor ContextLenAttnProcessor::attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                          const std::optional<Tensor>&) const {
  return WanAttnProcessor::attention(query, key, value, (torch::arange(key.size(1)) < context_len_).unsqueeze(0));
}

}  // namespace wan
