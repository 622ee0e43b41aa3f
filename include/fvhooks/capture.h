#pragma once
// The tensors behind the records, on disk: one safetensors file for each side of each call (docs/capture.md).
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fvhooks/expected.h"
#include "fvhooks/safetensors.h"

namespace fvhooks {

enum class CaptureSide : std::uint8_t { Inputs, Output };

// Which side of which call.
struct CaptureKey {
  std::optional<std::int64_t> rank;
  std::string root;    // the component, empty if it has no name
  std::string module;  // "": the root module
  std::optional<std::int64_t> step;
  std::uint64_t call = 0;
  CaptureSide side = CaptureSide::Output;

  auto operator<=>(const CaptureKey&) const = default;
};

// Inside the folder of a run: "transformer/blocks.0/step3.call1.out.safetensors". Never leads out of it.
std::string capture_path(const CaptureKey& key);

// Any thread. Nothing but open fails: what could not be written is warned of once, counted, and told at the end.
class CaptureWriter {
 public:
  // Makes the folder. Writers on one folder in one process are one, and share the first one's limit (bytes).
  static Expected<std::shared_ptr<CaptureWriter>> open(const std::string& folder, std::uint64_t limit);
  ~CaptureWriter();
  CaptureWriter(const CaptureWriter&) = delete;
  CaptureWriter& operator=(const CaptureWriter&) = delete;

  // Tensors are named by their labels; contiguous, neither conjugate nor negative.
  void write(const CaptureKey& key, std::span<const SafetensorsTensor> tensors) noexcept;
  // Counts a tensor that has no values to write.
  void leave_out(std::string_view why) noexcept;
  // Whether the limit was reached: nothing more will be written, but write still counts.
  bool is_full() const noexcept;

  std::uint64_t files() const noexcept;     // written by this process
  std::uint64_t bytes() const noexcept;     // in them
  std::uint64_t left_out() const noexcept;  // files that were not written, for whatever reason

 private:
  struct State;
  explicit CaptureWriter(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// The tensors of one file. Movable; views live as long as it does.
class CapturedTensors {
 public:
  const std::vector<SafetensorsTensor>& all() const noexcept { return tensors_; }  // named by their labels
  const TensorView* find(std::string_view label) const noexcept;
  std::optional<std::uint64_t> seq() const noexcept;  // the file's place in its run

 private:
  friend class CaptureDirectory;
  explicit CapturedTensors(SafetensorsFile file);
  SafetensorsFile file_;
  std::vector<std::vector<std::int64_t>> sizes_, strides_;
  std::vector<SafetensorsTensor> tensors_;
};

struct Capture {
  CaptureKey key;
  std::string run;
  std::string path;
};

// What was captured to a folder: of each rank and root the run that began last.
class CaptureDirectory {
 public:
  // `folder`: that of FASTVIDEO_TRACE_CAPTURE, or of one run in it. Reads names, no tensors. Error: it cannot be read,
  // or holds no capture.
  static Expected<CaptureDirectory> open(const std::string& folder);

  const std::vector<Capture>& captures() const noexcept { return captures_; }  // in the order of their keys
  const Capture* find(const CaptureKey& key) const noexcept;
  const std::vector<std::string>& notes() const noexcept { return notes_; }  // what was passed over

  // Error: the file is damaged, or is not what its path says.
  static Expected<CapturedTensors> read(const Capture& capture);

 private:
  std::vector<Capture> captures_;
  std::vector<std::string> notes_;
};

}  // namespace fvhooks
