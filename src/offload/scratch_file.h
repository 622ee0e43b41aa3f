#pragma once
// Changed blocks, in a file without a name that is gone with its process.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/descriptor.h"
#include "fvhooks/expected.h"

namespace fvhooks::internal {

// One thread at a time. What is written passes the page cache, which is told to forget it.
class ScratchFile {
 public:
  explicit ScratchFile(std::string folder) : folder_(std::move(folder)) {}

  // Where it was put. An error leaves what was written before as it was.
  Expected<std::uint64_t> write(const std::byte* from, std::size_t bytes);
  Expected<std::monostate> read(std::uint64_t region, std::size_t bytes, std::byte* to) const;
  void free(std::uint64_t region, std::size_t bytes) { free_[bytes].push_back(region); }

 private:
  Expected<std::monostate> open();

  std::string folder_;
  Descriptor file_;
  std::uint64_t end_ = 0;
  std::map<std::size_t, std::vector<std::uint64_t>> free_;  // regions of each size
};

}  // namespace fvhooks::internal
