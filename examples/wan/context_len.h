#pragma once
// Cross-attention to the first tokens of the text alone, so that its padding is not seen (the original Wan's
// `context_lens`).
#include "attention.h"

namespace wan {

class ContextLenAttnProcessor : public WanAttnProcessor {
 public:
  explicit ContextLenAttnProcessor(std::int64_t context_len) : context_len_(context_len) {}

 protected:
  Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value,
                   const std::optional<Tensor>& attention_mask) const override;

 private:
  std::int64_t context_len_;
};

}  // namespace wan
