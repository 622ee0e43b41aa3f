#include "report/captured_records.h"

#include <set>

namespace fvhooks::internal {
namespace {

template <class Part>
std::size_t count_of(const CaptureDirectory& captures, Part CaptureKey::* part) {
  std::set<Part> parts;
  for (const auto& capture : captures.captures()) parts.insert(capture.key.*part);
  return parts.size();
}

}  // namespace

IgnoredParts ignored_parts(const CaptureDirectory& reference, const CaptureDirectory& port) {
  return {count_of(reference, &CaptureKey::root) == 1 && count_of(port, &CaptureKey::root) == 1,
          count_of(reference, &CaptureKey::rank) == 1 || count_of(port, &CaptureKey::rank) == 1};
}

CapturedRecords::CapturedRecords(const CaptureDirectory& captures, const NameMap* names, IgnoredParts ignored)
    : ignored_(ignored) {
  for (const auto& capture : captures.captures()) add(capture, names);
}

CaptureKey CapturedRecords::reduced(CaptureKey key) const {
  if (ignored_.root) key.root.clear();
  if (ignored_.rank) key.rank.reset();
  return key;
}

// Of ranks that are ignored the first counts: captures come in their order.
void CapturedRecords::add(const Capture& capture, const NameMap* names) {
  if (!names) {
    places_.try_emplace({reduced(capture.key), ""}, Place{&capture, ""});
    return;
  }
  const auto tensors = CaptureDirectory::read(capture);
  if (!tensors) return;  // a damaged file is nobody's
  for (const auto& tensor : tensors->all()) {
    const auto named = names->to_reference(capture.key.module, tensor.name);
    if (!named) continue;
    auto key = capture.key;
    key.root = names->root_to_reference(key.root);
    key.module = named->module;
    places_.try_emplace({reduced(std::move(key)), named->tensor}, Place{&capture, tensor.name});
  }
}

std::optional<CapturedRecords::Place> CapturedRecords::find(const RecordKey& key) const {
  const auto side = key.tensor.starts_with("in") ? CaptureSide::Inputs : CaptureSide::Output;
  const auto call = reduced({key.rank, key.root, key.module, key.step, key.call, side});
  if (const auto named = places_.find({call, key.tensor}); named != places_.end()) return named->second;
  const auto any = places_.find({call, ""});
  if (any == places_.end()) return std::nullopt;
  return Place{any->second.capture, key.tensor};
}

}  // namespace fvhooks::internal
