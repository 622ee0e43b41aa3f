// Reads a trace from end to end, in one thread: reading FILE {iterate | heads | records}; prints the seconds of the
// fastest of five runs.
#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fvhooks/trace_reader.h"
#include "trace/line_reader.h"
#include "trace/record_reader.h"

namespace {

using fvhooks::internal::LineReader;
using fvhooks::internal::RecordHead;
using fvhooks::internal::RecordReader;

constexpr std::size_t kMaxLine = fvhooks::TraceReader::kMaxLine;

// What a line costs at least with simdjson: nothing is asked of the document.
std::size_t iterate_lines(const std::string& path) {
  LineReader lines(*fvhooks::internal::open_source(path), kMaxLine);
  simdjson::ondemand::parser parser;
  std::size_t count = 0;
  while (const auto line = lines.next()) {
    simdjson::ondemand::document document;
    const auto capacity = line->text.size() + LineReader::kPadding;
    if (parser.iterate(line->text.data(), line->text.size(), capacity).get(document) == simdjson::SUCCESS) ++count;
  }
  return count;
}

template <class Parsed>
std::size_t read_records(const std::string& path) {
  RecordReader reader(*fvhooks::internal::open_source(path), path);
  std::size_t count = 0;
  for (Parsed record; reader.next(record);) ++count;
  return count;
}

double seconds(std::size_t (*read)(const std::string&), const std::string& path) {
  double fastest = 1e9;
  for (int run = 0; run < 5; ++run) {
    const auto start = std::chrono::steady_clock::now();
    if (read(path) == 0) std::abort();
    fastest = std::min(fastest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return fastest;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 3 ? argv[2] : "";
  if (what == "iterate") {
    std::printf("%.6f\n", seconds(iterate_lines, argv[1]));
  } else if (what == "heads") {
    std::printf("%.6f\n", seconds(read_records<RecordHead>, argv[1]));
  } else if (what == "records") {
    std::printf("%.6f\n", seconds(read_records<fvhooks::Record>, argv[1]));
  } else {
    std::fputs("reading FILE {iterate | heads | records}\n", stderr);
    return 2;
  }
}
