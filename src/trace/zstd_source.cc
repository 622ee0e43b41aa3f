#include "trace/zstd_source.h"

#include <zstd.h>

#include <string>
#include <utility>
#include <vector>

namespace fvhooks::internal {
namespace {

struct FreeStream {
  void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
};

class ZstdSource : public ByteSource {
 public:
  explicit ZstdSource(std::unique_ptr<ByteSource> compressed)
      : compressed_(std::move(compressed)), stream_(ZSTD_createDStream()), block_(ZSTD_DStreamInSize()) {}

  std::size_t read(char* to, std::size_t room) override {
    ZSTD_outBuffer out{to, room, 0};
    while (out.pos == 0 && error_.empty()) {
      if (in_.pos == in_.size && !is_flushing_ && !fill()) break;
      const auto rest = ZSTD_decompressStream(stream_.get(), &out, &in_);
      if (ZSTD_isError(rest)) {
        error_ = std::string("damaged zstd data: ") + ZSTD_getErrorName(rest);
        break;
      }
      is_within_frame_ = rest != 0;
      is_flushing_ = out.pos == out.size;  // more may be held inside
    }
    return out.pos;
  }
  std::string error() const override { return error_; }
  std::uint64_t consumed() const noexcept override { return compressed_->consumed(); }
  std::optional<std::uint64_t> total() const noexcept override { return compressed_->total(); }

 private:
  bool fill() {
    in_ = {block_.data(), compressed_->read(block_.data(), block_.size()), 0};
    if (in_.size != 0) return true;
    error_ = compressed_->error();
    if (error_.empty() && is_within_frame_) error_ = "the zstd data ends early";
    return false;
  }

  std::unique_ptr<ByteSource> compressed_;
  std::unique_ptr<ZSTD_DStream, FreeStream> stream_;
  std::vector<char> block_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  bool is_within_frame_ = false, is_flushing_ = false;
  std::string error_;
};

}  // namespace

std::unique_ptr<ByteSource> zstd_source(std::unique_ptr<ByteSource> compressed) {
  return std::make_unique<ZstdSource>(std::move(compressed));
}

}  // namespace fvhooks::internal
