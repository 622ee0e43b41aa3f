#pragma once
// What reads past the page cache want: places in files and in memory that begin at pages.
#include <cstddef>
#include <cstdint>

namespace fvhooks::internal {

inline constexpr std::size_t kPageBytes = 4096;

constexpr std::uint64_t page_begin(std::uint64_t offset) { return offset / kPageBytes * kPageBytes; }
constexpr std::uint64_t page_end(std::uint64_t offset) { return page_begin(offset + kPageBytes - 1); }

// The first page within memory that is a page larger than what shall lie there.
inline std::byte* first_page(void* memory) {
  return reinterpret_cast<std::byte*>(page_end(reinterpret_cast<std::uintptr_t>(memory)));
}

}  // namespace fvhooks::internal
