// Any bytes: whatever the reader takes for a record it takes again, unchanged, when it is written by us; and a good
// line behind the bytes is not lost.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "fvhooks/trace_reader.h"

namespace {

constexpr std::size_t kMaxLine = 4096;
constexpr const char* kGood = "\n{\"module\":\"good\",\"tensor\":\"out\",\"step\":7}\n";

std::string line_of(const fvhooks::Record& record) {
  std::string line;
  append_json(line, record);
  return line;
}

void expect_the_same_again(const std::string& line) {
  auto reader = fvhooks::TraceReader::from_text(line);
  fvhooks::Record record;
  if (!reader.next(record) || reader.problem_count() != 0 || line_of(record) != line) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto reader =
      fvhooks::TraceReader::from_text(std::string(reinterpret_cast<const char*>(data), size) + kGood, kMaxLine);
  fvhooks::Record record;
  bool any = false;
  while (reader.next(record)) {
    any = true;
    expect_the_same_again(line_of(record));
  }
  if (!any || record.module != "good" || record.step != 7) std::abort();
  return 0;
}
