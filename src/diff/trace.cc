#include "diff/trace.h"

#include <limits>

#include "core/counted.h"
#include "diff/trace_indexer.h"
#include "fvhooks/name_map.h"

namespace fvhooks::internal {
namespace {

std::uint64_t total_of(const std::vector<OpenFile>& files) {
  std::uint64_t total = 0;
  for (const auto& file : files) total += file.source->total().value_or(0);
  return total;
}

}  // namespace

Expected<std::vector<OpenFile>> open_files(const std::string& path) {
  auto paths = trace_files(path);
  if (!paths) return paths.error();
  if (paths->size() > std::numeric_limits<std::uint16_t>::max()) return Error{path + " is too many files"};
  std::vector<OpenFile> files;
  for (auto& file : *paths) {
    auto source = open_source(file);
    if (!source) return source.error();
    auto spooled = seekable(*std::move(source));
    if (!spooled) return spooled.error();
    files.push_back({*std::move(spooled), std::move(file)});
  }
  return files;
}

Expected<Trace> Trace::read(const std::string& path, const std::function<void(double)>& progress) {
  auto files = open_files(path);
  if (!files) return files.error();
  return read(path, *std::move(files), progress);
}

Expected<Trace> Trace::read(const std::string& path, std::vector<OpenFile> files,
                            const std::function<void(double)>& progress) {
  const auto total = static_cast<double>(total_of(files));
  std::uint64_t before = 0;
  const auto report = [&](const RecordReader& records) {
    if (progress && total != 0) progress(static_cast<double>(before + records.source().consumed()) / total);
  };
  TraceIndexer indexer;
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto& [source, file] = files[i];
    paths.push_back(file);
    const auto size = source->total().value_or(0);
    const auto rank = files.size() > 1 ? std::optional(static_cast<std::int64_t>(i)) : std::nullopt;
    indexer.open(RecordReader(std::move(source), file), rank);
    indexer.close(report);
    before += size;
  }
  auto trace = indexer.finish(path);
  if (trace) trace->summary.files = std::move(paths);
  return trace;
}

Expected<Trace> Trace::from_text(std::string text) {
  TraceIndexer indexer;
  indexer.open(RecordReader(text_source(std::move(text)), {}), {});
  indexer.close([](const RecordReader&) {});
  return indexer.finish("the text");
}

std::uint64_t Trace::call(std::uint32_t index) const {
  const auto& entry = entries_[index];
  return moments_[entry.moment].high_call << Entry::kLowCallBits | entry.low_call;
}

RecordKey Trace::key(std::uint32_t index) const {
  const auto& of = name(index);
  const auto& when = moment(index);
  return {of.root, of.module, of.tensor, when.step, call(index), when.rank};
}

void Trace::read_record(std::uint32_t index, Record& record) const {
  const auto& entry = entries_[index];
  // A file that was changed meanwhile has another line there: nothing of it is believed.
  if (!files_[entry.file].at(entry.offset, record)) record = {};
}

void Trace::rename(const NameMap& names) {
  std::size_t left_out = 0;
  for (std::uint32_t id = 0; id < names_.size(); ++id) {
    auto& name = names_[id];
    auto renamed = names.to_reference(name.module, name.tensor);
    name.root = names.root_to_reference(name.root);
    name.is_left_out = !renamed;
    left_out += !renamed;
    if (!renamed) continue;
    name.module = std::move(renamed->module);
    name.tensor = std::move(renamed->tensor);
  }
  if (left_out != 0) {
    notes.push_back("has " + counted(left_out, "tensor") + " without a counterpart by the map: left out");
  }
}

void Trace::leave_out_missing(const NameMap& names) {
  std::size_t left_out = 0;
  for (std::uint32_t id = 0; id < names_.size(); ++id) {
    auto& name = names_[id];
    name.is_left_out = names.is_missing_in_port(name.module, name.tensor);
    left_out += name.is_left_out;
  }
  if (left_out != 0) {
    notes.push_back("has " + counted(left_out, "tensor") + " that the port lacks by the map: left out");
  }
}

bool is_input(std::string_view tensor) noexcept {
  return tensor.starts_with("in") && (tensor.size() == 2 || tensor[2] == '[' || tensor[2] == '.');
}

}  // namespace fvhooks::internal
