#pragma once
// Reads pages of files, by whichever way the machine has.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "fvhooks/disk_store.h"
#include "fvhooks/expected.h"
#include "offload/page.h"

namespace fvhooks::internal {

// From `offset`, a page's begin, at least `needed` bytes, and the rest of their last page where the file has it. `to`
// has a page's alignment and room for whole pages.
struct PageRead {
  int descriptor = -1;
  std::uint64_t offset = 0;
  std::size_t needed = 0;
  std::byte* to = nullptr;

  std::size_t pages() const { return static_cast<std::size_t>(page_end(needed)); }
};

class DiskReader {
 public:
  virtual ~DiskReader() = default;
  // All of them, or an error. One thread at a time.
  virtual Expected<std::monostate> read(std::span<const PageRead> reads) = 0;
};

// Null where the kernel or the build has no io_uring.
std::unique_ptr<DiskReader> make_io_uring_reader();
std::unique_ptr<DiskReader> make_pread_reader();     // from several threads
std::unique_ptr<DiskReader> make_buffered_reader();  // leaves nothing in the page cache

// Cuts reads into pieces of at most `bytes`, whole pages each.
std::vector<PageRead> in_pieces(std::span<const PageRead> reads, std::size_t bytes);
// One piece, whole; short reads are continued.
Expected<std::monostate> pread_whole(const PageRead& piece);
Error read_error(int error);
Error file_ends_early();

}  // namespace fvhooks::internal
