#pragma once
// Sets attention processors in all blocks of a port, one of its own in each.
#include "../context_len.h"
#include "port.h"

namespace wan {

template <class Processor>
void set_attn1(Port& port) {
  for (auto& block : port.model.blocks) block->attn1->set_processor(std::make_shared<Processor>());
}

inline std::int64_t context_len(const Port& port) {
  return port.inputs.context_len.value_or(port.inputs.prompt_embeds.size(1));
}

// Processor: derived from ContextLenAttnProcessor
template <class Processor>
void set_attn2(Port& port, std::int64_t context_len) {
  for (auto& block : port.model.blocks) block->attn2->set_processor(std::make_shared<Processor>(context_len));
}

}  // namespace wan
