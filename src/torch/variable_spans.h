#pragma once
// Which bytes of a block's storages are its own, and which variables lie on them.
#include <cstdint>
#include <vector>

#include "torch/offloaded_model.h"

namespace fvhooks::internal {

// A range of memory that belongs to one block alone, with all its variables.
struct Span {
  const std::byte* begin = nullptr;
  std::uint64_t bytes = 0;
  std::size_t element_bytes = 1;  // the largest of its variables'
  // Where kernels of the device may look at an address, it stays as it was: modulo `alignment`, it is `remainder`.
  std::size_t alignment = 1, remainder = 0;
};

struct SpannedVariable {
  NamedVariable named;
  std::size_t span = 0;
  std::uint64_t offset = 0;  // in the span
};

struct BlockSpans {
  std::vector<Span> spans;
  std::vector<SpannedVariable> variables;
};

// Of addresses on `device`, as its allocator gives them: 64 on a CPU, as vector registers like it, 512 elsewhere.
std::size_t address_alignment(c10::Device device);

// Of blocks that run on `device`. Leaves out what cannot be moved (several blocks or others share it, no strided
// storage, empty), telling `log` why.
std::vector<BlockSpans> find_spans(const std::vector<std::vector<NamedVariable>>& blocks,
                                   const std::vector<NamedVariable>& others, c10::Device device,
                                   const std::function<void(const std::string&)>& log);

// Bytes from the first to behind the last element. Precondition: strided, not empty.
std::uint64_t spanned_bytes(const at::Tensor& tensor);

}  // namespace fvhooks::internal
