#include "offload/disk_reader.h"

#if FVHOOKS_HAVE_LIBURING
#include <liburing.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#endif

namespace fvhooks::internal {

#if FVHOOKS_HAVE_LIBURING
namespace {

constexpr unsigned kDepth = 16;  // reads on their way at once; more gain nothing on the drives tried
constexpr std::size_t kPiece = std::size_t{1} << 20;

class IoUringReader : public DiskReader {
 public:
  static std::unique_ptr<DiskReader> make() {
    auto reader = std::unique_ptr<IoUringReader>(new IoUringReader);
    if (::io_uring_queue_init(kDepth, &reader->ring_, 0) != 0) return nullptr;
    reader->is_open_ = true;
    return reader;
  }
  ~IoUringReader() override {
    if (is_open_) ::io_uring_queue_exit(&ring_);
  }

  Expected<std::monostate> read(std::span<const PageRead> reads) override {
    auto pieces = in_pieces(reads, kPiece);
    std::deque<PageRead*> waiting;
    for (auto& piece : pieces) waiting.push_back(&piece);
    std::optional<Error> failure;
    // What was handed to the kernel is waited for also after a failure: it writes into the caller's memory.
    for (unsigned on_their_way = 0; on_their_way > 0 || (!waiting.empty() && !failure);) {
      while (!failure && !waiting.empty() && on_their_way < kDepth) {
        submit(*waiting.front());
        waiting.pop_front();
        ++on_their_way;
      }
      if (const int error = ::io_uring_submit_and_wait(&ring_, 1); error < 0 && error != -EINTR) return broken(-error);
      io_uring_cqe* done = nullptr;
      while (::io_uring_peek_cqe(&ring_, &done) == 0) {
        auto& piece = *static_cast<PageRead*>(::io_uring_cqe_get_data(done));
        const int result = done->res;
        ::io_uring_cqe_seen(&ring_, done);
        --on_their_way;
        if (!advance(piece, result, failure)) waiting.push_front(&piece);
      }
    }
    if (failure) return *failure;
    return std::monostate();
  }

 private:
  IoUringReader() = default;

  void submit(PageRead& piece) {
    auto* const entry = ::io_uring_get_sqe(&ring_);  // never null: no more than kDepth are on their way
    ::io_uring_prep_read(entry, piece.descriptor, piece.to, static_cast<unsigned>(piece.pages()), piece.offset);
    ::io_uring_sqe_set_data(entry, &piece);
  }

  // True if the piece is over, read or failed; else it goes on behind what has come.
  static bool advance(PageRead& piece, int result, std::optional<Error>& failure) {
    if (result == -EINTR || result == -EAGAIN) return false;
    if (result < 0) failure = read_error(-result);
    if (result == 0) failure = file_ends_early();
    if (result <= 0 || static_cast<std::size_t>(result) >= piece.needed) return true;
    piece.offset += static_cast<unsigned>(result);
    piece.to += result;
    piece.needed -= static_cast<unsigned>(result);
    return false;
  }

  // The ring itself fails: the kernel may still write, until the ring is gone.
  Error broken(int error) {
    ::io_uring_queue_exit(&ring_);
    is_open_ = ::io_uring_queue_init(kDepth, &ring_, 0) == 0;
    return read_error(error);
  }

  io_uring ring_{};
  bool is_open_ = false;
};

}  // namespace

std::unique_ptr<DiskReader> make_io_uring_reader() { return IoUringReader::make(); }
#else
std::unique_ptr<DiskReader> make_io_uring_reader() { return nullptr; }
#endif

}  // namespace fvhooks::internal
