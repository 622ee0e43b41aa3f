#include "offload/disk_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>

namespace fvhooks::internal {
namespace {

constexpr std::size_t kThreads = 4;
constexpr std::size_t kPiece = std::size_t{1} << 20;

// `needed` bytes at least, short reads continued; up to `bytes` where the file has them.
Expected<std::monostate> pread_all(int descriptor, std::uint64_t offset, std::size_t needed, std::size_t bytes,
                                   std::byte* to) {
  for (std::size_t done = 0; done < needed;) {
    const auto got = ::pread(descriptor, to + done, bytes - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return read_error(errno);
    if (got == 0) return file_ends_early();
    done += static_cast<std::size_t>(got);
  }
  return std::monostate();
}

class PreadReader : public DiskReader {
 public:
  Expected<std::monostate> read(std::span<const Read> reads) override {
    const auto pieces = in_pieces(reads, kPiece);
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::optional<Error> failure;
    const auto work = [&](LandingPages& landing) {
      for (auto i = next++; i < pieces.size(); i = next++) {
        const auto landed = landing.land(pieces[i]);
        if (auto outcome = pread_all(landed.descriptor, landed.offset, landed.needed, landed.pages(), landed.to)) {
          landing.carry(pieces[i]);
        } else {
          const std::scoped_lock lock(mutex);
          failure = outcome.error();
          next = pieces.size();
        }
      }
    };
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 1; i < std::min(landing_.size(), pieces.size()); ++i)
        threads.emplace_back(work, std::ref(landing_[i]));
      work(landing_[0]);
    }
    if (failure) return *failure;
    return std::monostate();
  }

 private:
  std::array<LandingPages, kThreads> landing_{LandingPages(kPiece), LandingPages(kPiece), LandingPages(kPiece),
                                              LandingPages(kPiece)};
};

class BufferedReader : public DiskReader {
 public:
  Expected<std::monostate> read(std::span<const Read> reads) override {
    for (const auto& piece : in_pieces(reads, kPiece)) {
      if (auto outcome = pread_all(piece.descriptor, piece.offset, piece.bytes, piece.bytes, piece.to); !outcome)
        return outcome;
      const auto begin = page_begin(piece.offset), end = page_end(piece.offset + piece.bytes);
      ::posix_fadvise(piece.descriptor, static_cast<off_t>(begin), static_cast<off_t>(end - begin),
                      POSIX_FADV_DONTNEED);
    }
    return std::monostate();
  }
};

}  // namespace

std::vector<Read> in_pieces(std::span<const Read> reads, std::size_t bytes) {
  std::vector<Read> pieces;
  for (const auto& read : reads) {
    for (std::size_t done = 0; done < read.bytes;) {
      const auto offset = read.offset + done;
      const auto piece = std::min(bytes - static_cast<std::size_t>(offset % kPageBytes), read.bytes - done);
      pieces.push_back({read.descriptor, offset, piece, read.to + done});
      done += piece;
    }
  }
  return pieces;
}

PageRead LandingPages::land(const Read& piece) {
  PageRead pages{piece.descriptor, page_begin(piece.offset), piece.skipped() + piece.bytes, nullptr};
  if (piece.lies_as_in_file()) {
    pages.to = piece.to - piece.skipped();
    return pages;
  }
  if (!memory_) memory_.reset(static_cast<std::byte*>(::operator new(bytes_, std::align_val_t{kPageBytes})));
  pages.to = memory_.get();
  return pages;
}

void LandingPages::carry(const Read& piece) const {
  if (!piece.lies_as_in_file()) std::memcpy(piece.to, memory_.get() + piece.skipped(), piece.bytes);
}

Error read_error(int error) {
  return Error{"cannot read weights from disk: " + std::generic_category().message(error)};
}

Error file_ends_early() {
  return Error{"cannot read weights from disk: the file has become shorter since it was opened"};
}

std::unique_ptr<DiskReader> make_pread_reader() { return std::make_unique<PreadReader>(); }
std::unique_ptr<DiskReader> make_buffered_reader() { return std::make_unique<BufferedReader>(); }

}  // namespace fvhooks::internal
