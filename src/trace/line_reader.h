#pragma once
// Lines of a source, however long; one block and the line at hand are in memory.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "trace/byte_source.h"

namespace fvhooks::internal {

class LineReader {
 public:
  // Bytes behind a line that may be read, as simdjson wants them.
  static constexpr std::size_t kPadding = 64;

  struct Line {
    std::string_view text;     // without its newline; valid until the next call
    std::uint64_t offset = 0;  // of its first byte
    bool too_long = false;     // then text is empty
    bool complete = true;      // false: the file ended before a newline
  };

  LineReader(std::unique_ptr<ByteSource> source, std::size_t max_line);

  // Nullopt at the end, or after an error.
  std::optional<Line> next();
  // The line that begins at `offset`; next() goes on from there. Only of a source that can seek.
  std::optional<Line> at(std::uint64_t offset);
  const ByteSource& source() const noexcept { return *source_; }

 private:
  bool fill();  // more bytes at end_; false at the end of the file
  void make_room();
  Line take(std::size_t length, std::size_t newline);

  std::unique_ptr<ByteSource> source_;
  std::size_t max_line_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;  // padding not counted
  std::size_t begin_ = 0, end_ = 0;
  std::uint64_t offset_ = 0;  // of the buffer's first byte
  std::size_t block_;         // to read next: small after a leap
  bool skipping_ = false;     // within a line that is too long
  std::uint64_t skipped_from_ = 0;
};

}  // namespace fvhooks::internal
