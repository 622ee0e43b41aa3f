#pragma once
// The safetensors format (huggingface/safetensors: 8 bytes of header length, little-endian; JSON header; data). The
// reader trusts nothing in a file; the writer replaces a file at once or not at all.
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fvhooks/expected.h"
#include "fvhooks/tensor_view.h"

namespace fvhooks {

struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::Float32;
  std::vector<std::int64_t> sizes;
  std::uint64_t offset = 0;  // bytes from the start of the file
  std::uint64_t bytes = 0;
};

// A file mapped for reading (private, copy on write). Movable; views live as long as the file object. const methods
// from any thread.
class SafetensorsFile {
 public:
  static constexpr std::uint64_t kMaxHeader = 100'000'000;  // as the reference implementation

  // Checks header size, JSON, duplicate names, dtypes, shape overflow, sizes against offsets, overlaps, holes and the
  // file's end.
  static Expected<SafetensorsFile> open(const std::string& path);

  const std::vector<SafetensorsEntry>& entries() const noexcept;  // in the order of their data
  const std::map<std::string, std::string, std::less<>>& metadata() const noexcept;
  const SafetensorsEntry* find(std::string_view name) const noexcept;
  std::span<const std::byte> bytes(const SafetensorsEntry& entry) const noexcept;

  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;
  ~SafetensorsFile();

 private:
  struct State;
  explicit SafetensorsFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct SafetensorsTensor {
  std::string name;
  TensorView tensor;  // contiguous, row-major
};

using SafetensorsMetadata = std::map<std::string, std::string, std::less<>>;

// What a file outlives once it is written: the process, or also a power failure (it is flushed to disk).
enum class Durability : std::uint8_t { Process, PowerFailure };

// Writes beside `path`, then renames. Data is aligned to 8 bytes, larger dtypes first, as the reference writes it.
Expected<std::monostate> write_safetensors(const std::string& path, std::span<const SafetensorsTensor> tensors,
                                           const SafetensorsMetadata& metadata = {},
                                           Durability durability = Durability::PowerFailure);

// Bytes of the file that write_safetensors makes of them.
std::uint64_t safetensors_size(std::span<const SafetensorsTensor> tensors, const SafetensorsMetadata& metadata = {});

}  // namespace fvhooks
