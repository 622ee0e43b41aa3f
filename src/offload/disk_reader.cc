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

class PreadReader : public DiskReader {
 public:
  Expected<std::monostate> read(std::span<const PageRead> reads) override {
    const auto pieces = in_pieces(reads, kPiece);
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::optional<Error> failure;
    const auto work = [&](LandingPages& landing) {
      for (auto i = next++; i < pieces.size(); i = next++) {
        if (auto outcome = pread_piece(landing.land(pieces[i]), pieces[i].pages())) {
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
  Expected<std::monostate> read(std::span<const PageRead> reads) override {
    for (const auto& piece : in_pieces(reads, kPiece)) {
      if (auto outcome = pread_piece(piece, piece.needed); !outcome) return outcome;
      ::posix_fadvise(piece.descriptor, static_cast<off_t>(piece.offset), static_cast<off_t>(piece.pages()),
                      POSIX_FADV_DONTNEED);
    }
    return std::monostate();
  }
};

}  // namespace

std::vector<PageRead> in_pieces(std::span<const PageRead> reads, std::size_t bytes) {
  std::vector<PageRead> pieces;
  for (const auto& read : reads) {
    for (std::size_t done = 0; done < read.needed; done += bytes) {
      pieces.push_back({read.descriptor, read.offset + done, std::min(bytes, read.needed - done), read.to + done});
    }
  }
  return pieces;
}

PageRead LandingPages::land(const PageRead& piece) {
  if (piece.begins_at_page()) return piece;
  if (!memory_) memory_.reset(static_cast<std::byte*>(::operator new(bytes_, std::align_val_t{kPageBytes})));
  auto landing = piece;
  landing.to = memory_.get();
  return landing;
}

void LandingPages::carry(const PageRead& piece) const {
  if (!piece.begins_at_page()) std::memcpy(piece.to, memory_.get(), piece.needed);
}

Expected<std::monostate> pread_piece(const PageRead& piece, std::size_t bytes) {
  for (std::size_t done = 0; done < piece.needed;) {
    const auto got = ::pread(piece.descriptor, piece.to + done, bytes - done, static_cast<off_t>(piece.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return read_error(errno);
    if (got == 0) return file_ends_early();
    done += static_cast<std::size_t>(got);
  }
  return std::monostate();
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
