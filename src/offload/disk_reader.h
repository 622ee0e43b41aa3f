#pragma once
// Reads pages of files, by whichever way the machine has.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "fvhooks/disk_store.h"
#include "fvhooks/expected.h"
#include "offload/page.h"

namespace fvhooks::internal {

// `bytes` of a file from `offset`. A `to` that lies in its page as `offset` does has room for whole pages.
struct Read {
  int descriptor = -1;
  std::uint64_t offset = 0;
  std::size_t bytes = 0;
  std::byte* to = nullptr;

  std::size_t skipped() const { return static_cast<std::size_t>(offset % kPageBytes); }  // of the first page
  bool lies_as_in_file() const { return reinterpret_cast<std::uintptr_t>(to) % kPageBytes == skipped(); }
};

// Pages of a file to pages of memory, of which `needed` bytes must come.
struct PageRead {
  int descriptor = -1;
  std::uint64_t offset = 0;
  std::size_t needed = 0;
  std::byte* to = nullptr;

  std::size_t pages() const { return static_cast<std::size_t>(page_end(needed)); }
};

// Direct reads want pages of memory: a piece that shall lie elsewhere lands here first. One at a time.
class LandingPages {
 public:
  explicit LandingPages(std::size_t bytes) : bytes_(bytes) {}
  // The same of whole pages, to its own or to these.
  PageRead land(const Read& piece);
  // What has landed here, to its place.
  void carry(const Read& piece) const;

 private:
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, std::align_val_t{kPageBytes}); }
  };
  std::size_t bytes_;
  std::unique_ptr<std::byte, Free> memory_;  // once it is needed
};

class DiskReader {
 public:
  virtual ~DiskReader() = default;
  // All of them, or an error. One thread at a time.
  virtual Expected<std::monostate> read(std::span<const Read> reads) = 0;
};

// Null where the kernel or the build has no io_uring.
std::unique_ptr<DiskReader> make_io_uring_reader();
std::unique_ptr<DiskReader> make_pread_reader();     // from several threads
std::unique_ptr<DiskReader> make_buffered_reader();  // leaves nothing in the page cache

// Cuts reads into pieces of at most `bytes`, in whole pages of the file.
std::vector<Read> in_pieces(std::span<const Read> reads, std::size_t bytes);
Error read_error(int error);
Error file_ends_early();

}  // namespace fvhooks::internal
