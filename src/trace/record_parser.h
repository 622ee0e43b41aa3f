#pragma once
// One line of JSON to one Record.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "fvhooks/record.h"

namespace fvhooks::internal {

// What tells a record from others; its values are another story. Views into the parser, until its next call.
struct RecordHead {
  std::string_view root, module, tensor, run;
  std::optional<std::int64_t> step, rank;
  std::optional<std::uint64_t> call, seq;
};

RecordHead head_of(const Record& record);  // views into it
inline const RecordHead& head_of(const RecordHead& head) { return head; }

class RecordParser {
 public:
  RecordParser();
  RecordParser(RecordParser&&) noexcept;
  RecordParser& operator=(RecordParser&&) noexcept;
  ~RecordParser();

  // LineReader::kPadding bytes behind `line` are readable. False if the line is no record: `problem` says why. True
  // with a problem: what else there was is in `record`. The memory of both is reused.
  bool parse(std::string_view line, Record& record, std::string& problem);
  // The same lines are records, with the same problems, for less work.
  bool parse(std::string_view line, RecordHead& head, std::string& problem);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fvhooks::internal
