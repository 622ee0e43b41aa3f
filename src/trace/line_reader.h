#pragma once
// Lines of a file or of a text, however long; one block and the line at hand are in memory.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "fvhooks/expected.h"

namespace fvhooks::internal {

class LineReader {
 public:
  // Bytes behind a line that may be read, as simdjson wants them.
  static constexpr std::size_t kPadding = 64;

  struct Line {
    std::string_view text;  // without its newline; valid until the next call
    bool too_long = false;  // then text is empty
    bool complete = true;   // false: the file ended before a newline
  };

  static Expected<LineReader> open(const std::string& path, std::size_t max_line);  // "-": standard input
  static LineReader from_text(std::string text, std::size_t max_line);
  LineReader(LineReader&& other) noexcept;
  LineReader& operator=(LineReader&& other) noexcept;
  ~LineReader();

  // Nullopt at the end, or after an error.
  std::optional<Line> next();
  std::uint64_t bytes_read() const noexcept { return bytes_read_; }
  std::optional<std::uint64_t> bytes_total() const noexcept { return bytes_total_; }
  int error() const noexcept { return error_; }  // errno of a failed read, 0 if none

 private:
  explicit LineReader(std::size_t max_line);
  bool fill();  // more bytes at end_; false at the end of the file
  void make_room();
  std::size_t read_some(char* to, std::size_t room);
  Line take(std::size_t length, std::size_t newline);

  int descriptor_ = -1;
  std::string text_;  // instead of a descriptor
  std::size_t max_line_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;  // padding not counted
  std::size_t begin_ = 0, end_ = 0;
  bool skipping_ = false;  // within a line that is too long
  std::uint64_t bytes_read_ = 0;
  std::optional<std::uint64_t> bytes_total_;
  int error_ = 0;
};

}  // namespace fvhooks::internal
