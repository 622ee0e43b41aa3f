#include "offload/disk_reader.h"

#if FVHOOKS_HAVE_LIBURING
#include <liburing.h>

#include <algorithm>
#include <cerrno>
#endif

namespace fvhooks::internal {

#if FVHOOKS_HAVE_LIBURING
namespace {

constexpr unsigned kDepth = 16;  // reads on their way at once; more gain nothing on the drives tried
constexpr std::size_t kPiece = std::size_t{512} << 10;

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

  Expected<std::monostate> read(std::span<const Read> reads) override {
    const auto pieces = in_pieces(reads, kPiece);
    std::size_t next = 0;
    std::optional<Error> failure;
    unsigned on_their_way = 0;
    const auto submit = [&](Lane& lane) {
      prepare(lane);
      ++on_their_way;
    };
    const auto start_next = [&](Lane& lane) {
      if (failure || next == pieces.size()) return;
      lane.piece = pieces[next++];
      lane.left = lane.landing.land(lane.piece);
      submit(lane);
    };
    for (auto& lane : lanes_) start_next(lane);
    // What was handed to the kernel is waited for also after a failure: it writes into the caller's memory.
    while (on_their_way > 0) {
      if (const int error = ::io_uring_submit_and_wait(&ring_, 1); error < 0 && error != -EINTR) return broken(-error);
      io_uring_cqe* done = nullptr;
      while (::io_uring_peek_cqe(&ring_, &done) == 0) {
        auto& lane = *static_cast<Lane*>(::io_uring_cqe_get_data(done));
        const int result = done->res;
        ::io_uring_cqe_seen(&ring_, done);
        --on_their_way;
        if (!advance(lane.left, result, failure)) {
          submit(lane);
          continue;
        }
        if (!failure) lane.landing.carry(lane.piece);
        start_next(lane);
      }
    }
    if (failure) return *failure;
    return std::monostate();
  }

 private:
  IoUringReader() = default;

  struct Lane {
    Read piece;     // as it was asked for
    PageRead left;  // what has not come yet
    LandingPages landing{kPiece};
  };

  void prepare(Lane& lane) {
    auto* const entry = ::io_uring_get_sqe(&ring_);  // never null: one a lane
    ::io_uring_prep_read(entry, lane.left.descriptor, lane.left.to, static_cast<unsigned>(lane.left.pages()),
                         lane.left.offset);
    ::io_uring_sqe_set_data(entry, &lane);
  }

  // True if the piece is over, read or failed; else it goes on behind what has come.
  static bool advance(PageRead& piece, int result, std::optional<Error>& failure) {
    if (result == -EINTR || result == -EAGAIN) return failure.has_value();
    if (result < 0) failure = read_error(-result);
    if (result == 0) failure = file_ends_early();
    if (result <= 0 || static_cast<std::size_t>(result) >= piece.needed) return true;
    piece.offset += static_cast<unsigned>(result);
    piece.to += result;
    piece.needed -= static_cast<unsigned>(result);
    return failure.has_value();
  }

  // The ring itself fails: the kernel may still write, until the ring is gone.
  Error broken(int error) {
    ::io_uring_queue_exit(&ring_);
    is_open_ = ::io_uring_queue_init(kDepth, &ring_, 0) == 0;
    return read_error(error);
  }

  std::array<Lane, kDepth> lanes_;
  io_uring ring_{};
  bool is_open_ = false;
};

}  // namespace

std::unique_ptr<DiskReader> make_io_uring_reader() { return IoUringReader::make(); }
#else
std::unique_ptr<DiskReader> make_io_uring_reader() { return nullptr; }
#endif

}  // namespace fvhooks::internal
