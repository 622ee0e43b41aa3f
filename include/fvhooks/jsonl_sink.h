#pragma once
// Appends records to a file; what goes wrong there stays there.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "fvhooks/expected.h"
#include "fvhooks/record.h"

namespace fvhooks {

// Any thread. One `write` a record on an O_APPEND descriptor (or one a batch), so lines of several writers stay whole.
// A failing write is warned of once, its records are counted as dropped, and if more are lost the number is warned of
// at the end; nothing throws but open. Warnings come from the thread that wrote, with no lock held.
class JsonlSink {
 public:
  // Makes parent folders. `path` may contain <pid>, which is replaced, anew in a forked child. batch: lines held back,
  // 0 for none.
  static Expected<std::unique_ptr<JsonlSink>> open(std::string path, std::size_t batch = 0);
  ~JsonlSink();  // closes
  JsonlSink(const JsonlSink&) = delete;
  JsonlSink& operator=(const JsonlSink&) = delete;

  // True if the record was written, or taken into a batch.
  bool write(const Record& record) noexcept;
  // The same for a line that is already JSON, with its newline.
  bool write_line(std::string_view line) noexcept;
  // Counts a record that could not even be made.
  void drop(std::string_view why) noexcept;
  void flush() noexcept;
  // Flushes; idempotent. Records written after it are dropped.
  void close() noexcept;

  std::string path() const;  // as opened, <pid> replaced
  std::uint64_t written() const noexcept;
  std::uint64_t dropped() const noexcept;

 private:
  struct State;
  explicit JsonlSink(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace fvhooks
