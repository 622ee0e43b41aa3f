#include "fvhooks/disk_store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <utility>

#include "core/descriptor.h"
#include "offload/block_layout.h"
#include "offload/disk_reader.h"
#include "offload/scratch_file.h"

namespace fvhooks {
namespace {

using internal::BlockLayout;
using internal::Descriptor;
using internal::DiskReader;
using internal::Read;

Error cannot_open(const std::string& path, int error) {
  return Error{"cannot open " + path + " for its weights: " + std::generic_category().message(error)};
}

// A page read past the cache shows whether file system and device allow it.
bool allows_direct_reads(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT));
  if (!file) return false;
  alignas(internal::kPageBytes) std::array<std::byte, internal::kPageBytes> page;
  return ::pread(file.number(), page.data(), page.size(), 0) >= 0;
}

struct Chosen {
  ReadMethod method = ReadMethod::Buffered;
  std::unique_ptr<DiskReader> reader;
  std::string why;
};

Expected<Chosen> choose_method(const std::vector<std::string>& files, std::optional<ReadMethod> wanted) {
  if (wanted != ReadMethod::Buffered) {
    const auto refusing = std::find_if_not(files.begin(), files.end(), allows_direct_reads);
    if (refusing != files.end()) {
      if (wanted) return Error{*refusing + " cannot be read with O_DIRECT on its file system"};
      return Chosen{ReadMethod::Buffered, internal::make_buffered_reader(),
                    "buffered reads with FADV_DONTNEED (" + *refusing + " cannot be read with O_DIRECT)"};
    }
    if (wanted != ReadMethod::Pread) {
      if (auto reader = internal::make_io_uring_reader()) {
        return Chosen{ReadMethod::IoUring, std::move(reader), "O_DIRECT reads by io_uring"};
      }
      if (wanted) return Error{"io_uring is not to be had: this kernel or this build has none"};
    }
    return Chosen{ReadMethod::Pread, internal::make_pread_reader(),
                  wanted ? "O_DIRECT reads from threads, as asked"
                         : "O_DIRECT reads from threads (this kernel or this build has no io_uring)"};
  }
  return Chosen{ReadMethod::Buffered, internal::make_buffered_reader(), "buffered reads with FADV_DONTNEED, as asked"};
}

class Store : public DiskStore {
 public:
  Store(std::vector<Descriptor> files, std::vector<BlockLayout> layouts, Chosen chosen, std::string scratch)
      : files_(std::move(files)),
        layouts_(std::move(layouts)),
        chosen_(std::move(chosen)),
        scratch_(std::move(scratch)),
        changed_(layouts_.size()) {}

  std::size_t blocks() const noexcept override { return layouts_.size(); }
  std::size_t bytes(std::size_t block) const noexcept override { return layouts_[block].bytes; }
  std::span<const std::size_t> offsets(std::size_t block) const noexcept override { return layouts_[block].offsets; }
  ReadMethod method() const noexcept override { return chosen_.method; }
  const std::string& description() const noexcept override { return chosen_.why; }

  bool is_changed(std::size_t block) const override {
    const std::scoped_lock lock(mutex_);
    return changed_[block].has_value();
  }

  Expected<std::byte*> allocate(std::size_t bytes) override {
    if (bytes == 0) return static_cast<std::byte*>(nullptr);
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      return Error{"no memory for " + std::to_string(bytes) +
                   " bytes of offloaded blocks: " + std::generic_category().message(errno)};
    }
    ::madvise(memory, bytes, MADV_HUGEPAGE);  // fewer misses of the TLB; a kernel without them says no
    return static_cast<std::byte*>(memory);
  }
  void release(std::byte* memory, std::size_t bytes) noexcept override {
    if (bytes > 0) ::munmap(memory, bytes);
  }

  Expected<std::monostate> fetch(std::size_t block, std::size_t, std::byte* to) override { return read(block, to); }

  Expected<std::monostate> read(std::size_t block, std::byte* to) override {
    const std::scoped_lock lock(mutex_);
    if (changed_[block]) return scratch_.read(*changed_[block], bytes(block), to);
    const auto& layout = layouts_[block];
    std::vector<Read> reads;
    for (const auto& extent : layout.extents)
      reads.push_back({files_[extent.file].number(), extent.offset, extent.bytes, to + extent.to});
    return chosen_.reader->read(reads);
  }

  Expected<std::monostate> put(std::size_t block, std::size_t, const std::byte* from) override {
    const std::scoped_lock lock(mutex_);
    auto region = scratch_.write(from, bytes(block));
    if (!region) return region.error();
    if (changed_[block]) scratch_.free(*changed_[block], bytes(block));
    changed_[block] = *region;
    return std::monostate();
  }

 private:
  std::vector<Descriptor> files_;
  const std::vector<BlockLayout> layouts_;
  mutable std::mutex mutex_;  // guards what follows
  Chosen chosen_;
  internal::ScratchFile scratch_;
  std::vector<std::optional<std::uint64_t>> changed_;  // where in the scratch file
};

}  // namespace

Expected<std::shared_ptr<DiskStore>> DiskStore::open(std::vector<std::string> files,
                                                     const std::vector<std::vector<StoredTensor>>& blocks,
                                                     const DiskStoreOptions& options) {
  std::vector<Descriptor> descriptors;
  std::vector<std::uint64_t> sizes;
  for (const auto& path : files) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return cannot_open(path, errno);
    if (!S_ISREG(status.st_mode)) return Error{path + " is not a regular file"};
    sizes.push_back(static_cast<std::uint64_t>(status.st_size));
  }
  std::vector<BlockLayout> layouts;
  for (const auto& tensors : blocks) {
    for (const auto& tensor : tensors) {
      if (tensor.file >= files.size()) return Error{"a tensor lies in a file that was not named"};
      if (tensor.offset > sizes[tensor.file] || tensor.bytes > sizes[tensor.file] - tensor.offset) {
        return Error{files[tensor.file] + " is too short for its tensors"};
      }
    }
    layouts.push_back(internal::lay_out(tensors));
  }
  auto chosen = choose_method(files, options.method);
  if (!chosen) return chosen.error();
  const int direct = chosen->method == ReadMethod::Buffered ? 0 : O_DIRECT;
  for (const auto& path : files) {
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | direct));
    if (!file) return cannot_open(path, errno);
    descriptors.push_back(std::move(file));
  }
  auto scratch = options.scratch.empty() ? std::filesystem::temp_directory_path().string() : options.scratch;
  return std::shared_ptr<DiskStore>(
      std::make_shared<Store>(std::move(descriptors), std::move(layouts), *std::move(chosen), std::move(scratch)));
}

}  // namespace fvhooks
