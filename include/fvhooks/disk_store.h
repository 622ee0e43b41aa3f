#pragma once
// Weights that rest in files and are read past the page cache into the memory that computes: Transfer between disk and
// RAM, for a machine whose device is its CPU.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "fvhooks/expected.h"
#include "fvhooks/offload.h"

namespace fvhooks {

inline constexpr std::size_t kTensorAlignment = 64;  // of torch's memory on a CPU

// Its address in memory shall be `remainder` modulo `alignment`, a power of two of at most 512: kernels may add up in
// another order where a weight lies otherwise.
struct StoredTensor {
  std::size_t file = 0;  // index of its path
  std::uint64_t offset = 0, bytes = 0;
  std::size_t alignment = kTensorAlignment, remainder = 0;
};

enum class ReadMethod : std::uint8_t {
  IoUring,   // O_DIRECT, many reads on their way at once
  Pread,     // O_DIRECT, from several threads
  Buffered,  // through the page cache, which is told to forget
};

struct DiskStoreOptions {
  std::optional<ReadMethod> method;  // else the first that works here
  std::string scratch;               // folder for changed blocks; empty: the system's for temporary files
};

class DiskStore : public Transfer {
 public:
  // Block i is made of the tensors `blocks[i]`. Errors: a file that cannot be opened or is too short for its tensors.
  static Expected<std::shared_ptr<DiskStore>> open(std::vector<std::string> files,
                                                   const std::vector<std::vector<StoredTensor>>& blocks,
                                                   const DiskStoreOptions& options = {});

  // Where each tensor lies in its block's buffer, in the order given.
  virtual std::span<const std::size_t> offsets(std::size_t block) const noexcept = 0;
  virtual ReadMethod method() const noexcept = 0;
  // For a log: the method, and why none before it.
  virtual const std::string& description() const noexcept = 0;
  virtual bool is_changed(std::size_t block) const = 0;  // it was put since the store was opened
  // Any thread. `to` is aligned to 4096 bytes and holds bytes(block).
  virtual Expected<std::monostate> read(std::size_t block, std::byte* to) = 0;
};

}  // namespace fvhooks
