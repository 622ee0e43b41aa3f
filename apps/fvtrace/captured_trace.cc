#include "captured_trace.h"

#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "fvhooks/record.h"
#include "fvhooks/stats.h"

namespace fvtrace {
namespace {

constexpr int kSketch = 256;

fvhooks::Record record_of(const fvhooks::CaptureKey& key, const fvhooks::SafetensorsTensor& tensor) {
  using fvhooks::Stat;
  fvhooks::Record record;
  record.module = key.module;
  record.tensor = tensor.name;
  record.step = key.step;
  record.call = key.call;
  record.root = key.root;
  record.rank = key.rank;
  const auto stats = fvhooks::tensor_stats(tensor.tensor, kSketch, &record.sketch);
  for (const auto stat :
       {Stat::AbsMean, Stat::Sum, Stat::Min, Stat::Max, Stat::Mean, Stat::Rms, Stat::Shape, Stat::DType})
    record.stats.emplace_back(fvhooks::stat_name(stat), fvhooks::stat_value(stat, stats, tensor.tensor));
  record.sketch.buckets = kSketch;
  record.nan = stats.nan;
  record.inf = stats.inf;
  return record;
}

fvhooks::Error last_error(const std::string& path) {
  return fvhooks::Error{path + ": " + std::generic_category().message(errno)};
}

}  // namespace

fvhooks::Expected<TemporaryTrace> TemporaryTrace::of(const fvhooks::CaptureDirectory& captures) {
  constexpr std::uint64_t kMostTensorsOfAFile = 1 << 16;
  std::string path = std::filesystem::temp_directory_path() / "fvtrace_XXXXXX";
  const int descriptor = ::mkstemp(path.data());
  if (descriptor < 0) return last_error(path);
  ::close(descriptor);
  TemporaryTrace trace(path);
  std::ofstream file(path);
  for (const auto& capture : captures.captures()) {
    const auto tensors = fvhooks::CaptureDirectory::read(capture);
    if (!tensors) return tensors.error();
    auto seq = tensors->seq().value_or(0) * kMostTensorsOfAFile;
    std::string lines;
    for (const auto& tensor : tensors->all()) {
      auto record = record_of(capture.key, tensor);
      record.seq = seq++;
      fvhooks::append_json(lines, record);
    }
    file << lines;
  }
  if (!file.flush()) return last_error(path);
  return trace;
}

TemporaryTrace::~TemporaryTrace() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace fvtrace
