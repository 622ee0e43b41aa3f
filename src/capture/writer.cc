#include <unistd.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <utility>

#include "capture/metadata.h"
#include "capture/path.h"
#include "core/at_exit.h"
#include "core/counted.h"
#include "core/fork_safe_mutex.h"
#include "core/shared_by_path.h"
#include "fvhooks/capture.h"
#include "fvhooks/run.h"
#include "fvhooks/warning.h"

namespace fvhooks {
namespace {

namespace fs = std::filesystem;

// The tensors as the format can hold them.
class Storable {
 public:
  Storable(std::span<const SafetensorsTensor> tensors, SafetensorsMetadata& metadata)
      : tensors_(tensors.begin(), tensors.end()) {
    for (auto& tensor : tensors_) {
      const auto part = internal::dtype_of_pairs(tensor.tensor.dtype);
      if (!part) continue;
      internal::say_stored_as_pairs(metadata, tensor.name, tensor.tensor.dtype);
      tensor.tensor = as_pairs(tensor.tensor, *part);
    }
  }
  std::span<const SafetensorsTensor> tensors() const noexcept { return tensors_; }

 private:
  TensorView as_pairs(TensorView complex, DType part) {
    auto& sizes = numbers_.emplace_back(complex.sizes.begin(), complex.sizes.end());
    auto& strides = numbers_.emplace_back(complex.strides.begin(), complex.strides.end());
    for (auto& stride : strides) stride *= 2;
    sizes.push_back(2);
    strides.push_back(1);
    complex.dtype = part;
    complex.sizes = sizes;
    complex.strides = strides;
    return complex;
  }

  std::vector<SafetensorsTensor> tensors_;
  std::deque<std::vector<std::int64_t>> numbers_;
};

// The folder is made with the first capture: an attach that fails leaves the disk as it was.
std::string obstacle_to_making(const std::string& folder) {
  auto present = fs::absolute(folder);
  std::error_code failed;
  while (!fs::exists(present, failed) && present.has_relative_path()) present = present.parent_path();
  if (!fs::is_directory(present, failed)) return present.string() + " is not a folder";
  if (::access(present.c_str(), W_OK | X_OK) != 0) return present.string() + " cannot be written to";
  return {};
}

}  // namespace

struct CaptureWriter::State {
  State(std::string where, std::uint64_t most) : folder(std::move(where)), limit(most) {}

  const std::string folder;
  const std::uint64_t limit;

  internal::ForkSafeMutex mutex;  // guards what follows
  std::uint32_t generation = internal::fork_generation();
  std::uint64_t seq = 0;
  std::string began;  // when the first capture of this process was written
  bool full = false;
  std::uint64_t files = 0, bytes = 0;
  std::uint64_t beyond = 0, beyond_bytes = 0;  // left out since the limit was reached
  std::uint64_t failed = 0;
  std::string last_failure;
  std::map<std::string, std::uint64_t, std::less<>> without_values;  // tensors, by the reason
  bool losses_are_told = true;

  std::uint64_t next_seq();
  // Whether they may be written; then they count as written.
  bool reserve(std::uint64_t size);
  std::string folder_of(const CaptureKey& key, const std::string& run);
  void fail(std::uint64_t reserved, std::string_view why) noexcept;
  void tell_losses() noexcept;
  std::string losses() const;
  template <class Number>
  Number now(Number State::* number);
  // The caller holds the lock. What its parent lost is the parent's to tell.
  void become_child_if_forked();
};

void CaptureWriter::State::become_child_if_forked() {
  if (generation == internal::fork_generation()) return;
  generation = internal::fork_generation();
  seq = 0;
  began.clear();
  full = false;
  files = bytes = beyond = beyond_bytes = failed = 0;
  without_values.clear();
  losses_are_told = true;
}

std::uint64_t CaptureWriter::State::next_seq() {
  const std::lock_guard lock(mutex);
  become_child_if_forked();
  return seq++;
}

bool CaptureWriter::State::reserve(std::uint64_t size) {
  {
    const std::lock_guard lock(mutex);
    become_child_if_forked();
    const bool was_full = full;
    full = full || size > limit - bytes;
    if (!full) {
      ++files;
      bytes += size;
      return true;
    }
    ++beyond;
    beyond_bytes += size;
    losses_are_told = false;
    if (was_full) return false;
  }
  warn("the limit of captures is reached (" + internal::counted(limit, "byte") +
       ", FASTVIDEO_TRACE_CAPTURE_LIMIT): no more are written to '" + folder + "', the trace goes on");
  return false;
}

std::string CaptureWriter::State::folder_of(const CaptureKey& key, const std::string& run) {
  const std::lock_guard lock(mutex);
  if (began.empty()) began = internal::utc_now();
  return folder + "/" + internal::run_folder_name({began, run, key.rank});
}

void CaptureWriter::State::fail(std::uint64_t reserved, std::string_view why) noexcept {
  try {
    {
      const std::lock_guard lock(mutex);
      become_child_if_forked();
      if (reserved > 0) {
        --files;
        bytes -= reserved;
      }
      last_failure = why;
      if (failed++ > 0) {
        losses_are_told = false;
        return;
      }
    }
    warn("a capture could not be written, the traced program goes on: " + std::string(why));
  } catch (...) {  // the texts of warnings need memory too
  }
}

std::string CaptureWriter::State::losses() const {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
  if (beyond > 0)
    add(internal::counted(beyond, "file") + " of " + internal::counted(beyond_bytes, "byte") + " beyond the limit");
  if (failed > 0) add(internal::counted(failed, "file") + " that could not be written (" + last_failure + ")");
  for (const auto& [why, tensors] : without_values)
    add(internal::counted(tensors, "tensor") + " without values (" + why + ")");
  return text;
}

void CaptureWriter::State::tell_losses() noexcept {
  try {
    std::string text;
    {
      const std::lock_guard lock(mutex);
      become_child_if_forked();
      if (std::exchange(losses_are_told, true)) return;
      text = losses();
    }
    warn("captures in '" + folder + "' lack " + text);
  } catch (...) {
  }
}

Expected<std::shared_ptr<CaptureWriter>> CaptureWriter::open(const std::string& folder, std::uint64_t limit) {
  // Never destroyed: a tracer in a static may be opened and closed while the process ends.
  static auto* const open_writers = new internal::SharedByPath<CaptureWriter>;
  if (const auto obstacle = obstacle_to_making(folder); !obstacle.empty())
    return Error{"FASTVIDEO_TRACE_CAPTURE=\"" + folder + "\": " + obstacle};
  const auto key = internal::resolved_path(folder);
  auto writer = open_writers->adopt(key, nullptr);
  if (!writer) {
    auto state = std::make_shared<State>(folder, limit);
    internal::at_exit(state, [](void* last) { static_cast<State*>(last)->tell_losses(); });
    writer = open_writers->adopt(key, std::shared_ptr<CaptureWriter>(new CaptureWriter(std::move(state))));
  }
  if (writer->state_->limit != limit) {
    warn("'" + folder + "' is being captured to already, with a limit of " +
         internal::counted(writer->state_->limit, "byte") + ": FASTVIDEO_TRACE_CAPTURE_LIMIT has no effect");
  }
  return writer;
}

CaptureWriter::CaptureWriter(std::shared_ptr<State> state) : state_(std::move(state)) {}
CaptureWriter::~CaptureWriter() { state_->tell_losses(); }

void CaptureWriter::write(const CaptureKey& key, std::span<const SafetensorsTensor> tensors) noexcept {
  if (tensors.empty()) return;
  std::uint64_t reserved = 0;
  try {
    const auto run = run_id();
    auto metadata = internal::capture_metadata(key, run);
    internal::say_seq(metadata, state_->next_seq());
    const Storable storable(tensors, metadata);
    const auto size = safetensors_size(storable.tensors(), metadata);
    if (!state_->reserve(size)) return;
    reserved = size;
    const auto path = fs::path(state_->folder_of(key, run)) / capture_path(key);
    fs::create_directories(path.parent_path());
    const auto written = write_safetensors(path, storable.tensors(), metadata, Durability::Process);
    if (!written) state_->fail(reserved, written.error().message);
  } catch (const std::exception& trouble) {
    state_->fail(reserved, trouble.what());
  }
}

void CaptureWriter::leave_out(std::string_view why) noexcept {
  try {
    const std::lock_guard lock(state_->mutex);
    state_->become_child_if_forked();
    ++state_->without_values[std::string(why)];
    state_->losses_are_told = false;
  } catch (...) {
  }
}

template <class Number>
Number CaptureWriter::State::now(Number State::* number) {
  const std::lock_guard lock(mutex);
  become_child_if_forked();
  return this->*number;
}

bool CaptureWriter::is_full() const noexcept { return state_->now(&State::full); }
std::uint64_t CaptureWriter::files() const noexcept { return state_->now(&State::files); }
std::uint64_t CaptureWriter::bytes() const noexcept { return state_->now(&State::bytes); }
std::uint64_t CaptureWriter::left_out() const noexcept {
  return state_->now(&State::beyond) + state_->now(&State::failed);
}

}  // namespace fvhooks
