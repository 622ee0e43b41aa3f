#include "module_survey.h"

#include "fvhooks/dtype.h"
#include "fvhooks/trace_reader.h"

namespace fvtrace {
namespace {

using fvhooks::Record;

std::uint64_t bytes_of(const Record& record) {
  const auto* const shape = record.find("shape");
  const auto* const dtype = record.find("dtype");
  const auto* const sizes = shape ? std::get_if<std::vector<std::int64_t>>(shape) : nullptr;
  const auto* const name = dtype ? std::get_if<std::string>(dtype) : nullptr;
  const auto type = name ? fvhooks::dtype_from_torch_name(*name) : std::nullopt;
  if (!sizes || !type) return 0;
  constexpr std::uint64_t kOfAFile = 512;  // its header; a file has one tensor, mostly
  std::uint64_t bytes = fvhooks::item_size(*type);
  for (const auto size : *sizes) bytes *= static_cast<std::uint64_t>(size);
  return bytes + kOfAFile;
}

}  // namespace

fvhooks::Expected<ModuleSurvey> ModuleSurvey::read(const std::string& trace) {
  const auto files = fvhooks::trace_files(trace);
  if (!files) return files.error();
  ModuleSurvey survey;
  for (const auto& file : *files) {
    auto reader = fvhooks::TraceReader::open(file);
    if (!reader) return reader.error();
    for (Record record; reader->next(record);) survey.bytes_[record.module] += bytes_of(record);
  }
  if (survey.bytes_.empty()) return fvhooks::Error{trace + " holds no record"};
  return survey;
}

// The longest part of its name that is a module's.
const std::string& ModuleSurvey::parent(const std::string& module) const {
  static const std::string kRoot;
  for (auto dot = module.rfind('.'); dot != std::string::npos && dot != 0; dot = module.rfind('.', dot - 1)) {
    const auto found = bytes_.find(module.substr(0, dot));
    if (found != bytes_.end()) return found->first;
  }
  return kRoot;
}

std::vector<std::string> ModuleSurvey::children(const std::string& module) const {
  std::vector<std::string> names;
  for (const auto& [name, bytes] : bytes_)
    if (!name.empty() && parent(name) == module) names.push_back(name);
  return names;
}

std::vector<std::string> ModuleSurvey::all() const {
  std::vector<std::string> names;
  for (const auto& [name, bytes] : bytes_) names.push_back(name);
  return names;
}

std::uint64_t ModuleSurvey::bytes(const std::string& module) const {
  const auto found = bytes_.find(module);
  return found == bytes_.end() ? 0 : found->second;
}

std::uint64_t ModuleSurvey::bytes(const std::set<std::string>& modules) const {
  std::uint64_t sum = 0;
  for (const auto& module : modules) sum += bytes(module);
  return sum;
}

}  // namespace fvtrace
