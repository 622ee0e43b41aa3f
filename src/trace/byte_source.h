#pragma once
// Where the bytes of a trace come from: a file, standard input, a text; decompressed if they are zstd's.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "fvhooks/expected.h"

namespace fvhooks::internal {

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // At most `room` bytes; 0 at the end or after an error.
  virtual std::size_t read(char* to, std::size_t room) = 0;
  // Why reading ended early; empty if it did not.
  virtual std::string error() const = 0;
  // Of the file as it lies on disk, compressed or not.
  virtual std::uint64_t consumed() const noexcept = 0;
  virtual std::optional<std::uint64_t> total() const noexcept = 0;  // nullopt for a pipe
  // Reads on from there; only of a source that can_seek.
  virtual bool can_seek() const noexcept { return false; }
  virtual void seek(std::uint64_t /*offset*/) {}
};

// "-": standard input.
Expected<std::unique_ptr<ByteSource>> open_source(const std::string& path);
std::unique_ptr<ByteSource> text_source(std::string text);

// What cannot seek (a pipe, a compressed file) is copied to a temporary file, which has no name and goes with the
// source.
Expected<std::unique_ptr<ByteSource>> seekable(std::unique_ptr<ByteSource> source);

}  // namespace fvhooks::internal
