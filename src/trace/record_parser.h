#pragma once
// One line of JSON to one Record.
#include <memory>
#include <string>
#include <string_view>

#include "fvhooks/record.h"

namespace fvhooks::internal {

class RecordParser {
 public:
  RecordParser();
  RecordParser(RecordParser&&) noexcept;
  RecordParser& operator=(RecordParser&&) noexcept;
  ~RecordParser();

  // LineReader::kPadding bytes behind `line` are readable. False if the line is no record: `problem` says why. True
  // with a problem: what else there was is in `record`. The memory of both is reused.
  bool parse(std::string_view line, Record& record, std::string& problem);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fvhooks::internal
