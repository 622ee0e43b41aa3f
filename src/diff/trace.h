#pragma once
// One side of a comparison: where each record lies in its files, in the order in which they were made. 24 bytes a
// record; the records themselves are read again when they are looked at.
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "diff/interner.h"
#include "fvhooks/comparison.h"
#include "fvhooks/expected.h"
#include "fvhooks/record.h"
#include "fvhooks/verdict.h"
#include "trace/record_reader.h"

namespace fvhooks {
class NameMap;
}

namespace fvhooks::internal {

bool is_input(std::string_view tensor) noexcept;

struct NameView {
  std::string_view root, module, tensor;
  auto parts() const { return std::tie(root, module, tensor); }
};
struct Name {
  explicit Name(const NameView& seen) : root(seen.root), module(seen.module), tensor(seen.tensor) {}
  auto parts() const { return std::tuple<std::string_view, std::string_view, std::string_view>(root, module, tensor); }

  std::string root, module, tensor;
  bool is_left_out = false;  // a rule says that it has no counterpart
};

struct MomentView {
  std::optional<std::int64_t> rank, step;
  std::string_view run;
  std::uint64_t high_call = 0;  // what an entry has no room for
  auto parts() const { return std::tie(rank, step, run, high_call); }
};
struct Moment {
  explicit Moment(const MomentView& seen)
      : rank(seen.rank), step(seen.step), run(seen.run), high_call(seen.high_call) {}
  auto parts() const {
    return std::tuple<const std::optional<std::int64_t>&, const std::optional<std::int64_t>&, std::string_view,
                      const std::uint64_t&>(rank, step, run, high_call);
  }

  std::optional<std::int64_t> rank, step;
  std::string run;
  std::uint64_t high_call = 0;
};

struct Entry {
  static constexpr unsigned kLowCallBits = 31;
  static constexpr std::uint32_t kNoCall = std::uint32_t{1} << kLowCallBits;  // until it is numbered

  std::uint64_t offset : 48 = 0, file : 16 = 0;
  std::uint32_t name = 0, moment = 0;
  std::uint32_t low_call = kNoCall;
  std::uint32_t line = 0;  // from 1
};
static_assert(sizeof(Entry) == 24);

// A file of a trace, opened; it can seek.
struct OpenFile {
  std::unique_ptr<ByteSource> source;
  std::string path;
};
Expected<std::vector<OpenFile>> open_files(const std::string& path);

// One thread at a time.
class Trace {
 public:
  // The files of `path` (trace_files). `progress` gets the fraction that is read; not called for a pipe.
  static Expected<Trace> read(const std::string& path, const std::function<void(double)>& progress);
  static Expected<Trace> read(const std::string& path, std::vector<OpenFile> files,
                              const std::function<void(double)>& progress);
  static Expected<Trace> from_text(std::string text);

  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(entries_.size()); }
  const Entry& entry(std::uint32_t index) const { return entries_[index]; }
  const Name& name(std::uint32_t index) const { return names_[entries_[index].name]; }
  const Moment& moment(std::uint32_t index) const { return moments_[entries_[index].moment]; }
  std::uint64_t call(std::uint32_t index) const;
  RecordKey key(std::uint32_t index) const;
  void read_record(std::uint32_t index, Record& record) const;

  const Interner<Name, NameView>& names() const noexcept { return names_; }
  const Interner<Moment, MomentView>& moments() const noexcept { return moments_; }

  void rename(const NameMap& names);             // a port's names become its reference's
  void leave_out_missing(const NameMap& names);  // a reference's, of which a rule says that the port has no counterpart

  TraceSummary summary;
  std::vector<std::string> notes;
  bool is_as_read = true;  // no record was left out, or has another place than in its file

 private:
  friend class TraceIndexer;
  Trace() = default;

  std::deque<Entry> entries_;
  Interner<Name, NameView> names_;
  Interner<Moment, MomentView> moments_;
  mutable std::vector<RecordReader> files_;  // a place in a file moves
};

}  // namespace fvhooks::internal
