#pragma once
// One side's captures, found by the records of a verdict.
#include <map>
#include <string>
#include <utility>

#include "fvhooks/capture.h"
#include "fvhooks/comparison.h"
#include "fvhooks/expected.h"
#include "fvhooks/name_map.h"

namespace fvhooks::internal {

// What is no part of a record's name, because a side has one only.
struct IgnoredParts {
  bool root = false, rank = false;
};
IgnoredParts ignored_parts(const CaptureDirectory& reference, const CaptureDirectory& port);

class CapturedRecords {
 public:
  // `names`: null, or those of a port in its reference; then every file's labels are read.
  CapturedRecords(const CaptureDirectory& captures, const NameMap* names, IgnoredParts ignored);

  struct Place {
    const Capture* capture;
    std::string label;
  };
  // Nullopt: it was not captured.
  std::optional<Place> find(const RecordKey& key) const;

 private:
  struct Key {
    CaptureKey call;
    std::string label;  // empty: any, under its own name
    auto operator<=>(const Key&) const = default;
  };
  void add(const Capture& capture, const NameMap* names);
  CaptureKey reduced(CaptureKey key) const;

  IgnoredParts ignored_;
  std::map<Key, Place> places_;
};

}  // namespace fvhooks::internal
