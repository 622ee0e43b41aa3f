#include "torch/block_store.h"

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <set>

#include "fvhooks/checkpoint.h"
#include "fvhooks/disk_store.h"
#include "fvhooks/torch/tensor_view.h"
#include "offload/page.h"
#include "torch/byte_tensor.h"
#include "torch/device_transfer.h"

namespace fvhooks::internal {
namespace {

namespace fs = std::filesystem;

at::Tensor host_bytes(std::size_t bytes) {
  return at::empty({static_cast<std::int64_t>(bytes)}, at::TensorOptions().dtype(at::kByte));
}

// The first address from there on that the span may have.
std::uintptr_t place_for(const Span& span, std::uintptr_t address) {
  return address + ((span.remainder - address) & (span.alignment - 1));
}

// Memory for a span at an address that it may have.
at::Tensor host_bytes_for(const Span& span) {
  const auto memory = host_bytes(span.bytes + span.alignment);
  const auto begin = reinterpret_cast<std::uintptr_t>(memory.const_data_ptr());
  return memory.narrow(0, static_cast<std::int64_t>(place_for(span, begin) - begin),
                       static_cast<std::int64_t>(span.bytes));
}

at::Tensor host_copy_for(const Span& span, const std::byte* from) {
  auto copy = host_bytes_for(span);
  std::memcpy(copy.mutable_data_ptr(), from, span.bytes);
  return copy;
}

// Copies a span from wherever it is.
void copy_span(std::byte* to, const Span& span, c10::Device device) {
  if (device.is_cpu()) {
    std::memcpy(to, span.begin, span.bytes);
    return;
  }
  byte_view(to, span.bytes, c10::kCPU).copy_(byte_view(span.begin, span.bytes, device));
}

c10::Device device_of(const BlockSpans& block) {
  return block.variables.empty() ? c10::Device(c10::kCPU) : block.variables.front().named.variable.device();
}

class MemoryStore : public BlockStore {
 public:
  MemoryStore(const std::vector<BlockSpans>& blocks, c10::Device device) {
    std::vector<std::size_t> sizes;
    for (const auto& block : blocks) {
      auto& begins = begins_.emplace_back();
      std::size_t end = 0;
      for (const auto& span : block.spans) {
        begins.push_back(place_for(span, end));
        end = begins.back() + span.bytes;
      }
      sizes.push_back(end);
      spans_.push_back(block.spans);
    }
    host_ = std::make_shared<HostBlocks>(sizes, device);
    transfer_ = make_device_transfer(host_, device);
  }

  void take(std::size_t block, const BlockSpans& spans) override {
    for (std::size_t i = 0; i < spans.spans.size(); ++i) {
      copy_span(host_->at(block) + begins_[block][i], spans.spans[i], device_of(spans));
    }
  }
  std::shared_ptr<Transfer> transfer() const override { return transfer_; }
  std::size_t offset(std::size_t block, std::size_t span) const override { return begins_[block][span]; }
  std::vector<at::Tensor> spans(std::size_t block) override {
    std::vector<at::Tensor> copies;
    for (std::size_t i = 0; i < begins_[block].size(); ++i)
      copies.push_back(host_copy_for(spans_[block][i], host_->at(block) + begins_[block][i]));
    return copies;
  }
  std::string description() const override {
    return "in " + std::to_string(host_->allocated()) + " bytes of host memory";
  }

 private:
  std::vector<std::vector<std::size_t>> begins_;
  std::vector<std::vector<Span>> spans_;
  std::shared_ptr<HostBlocks> host_;
  std::shared_ptr<Transfer> transfer_;
};

// Spans that rest in files, each at its place in one of them.
class FileStore : public BlockStore {
 public:
  struct Place {
    Span span;
    StoredTensor stored;
    std::shared_ptr<const Checkpoint> checkpoint;  // that maps the file
    std::span<const std::byte> mapped;
  };

  FileStore(const std::vector<std::string>& files, std::vector<std::vector<Place>> places,
            const OffloadSettings& settings)
      : places_(std::move(places)) {
    std::vector<std::vector<StoredTensor>> blocks;
    for (const auto& block : places_) {
      auto& stored = blocks.emplace_back();
      for (const auto& place : block) stored.push_back(place.stored);
    }
    disk_ = DiskStore::open(files, blocks, {.method = {}, .scratch = settings.scratch}).value();
    transfer_ = settings.device.is_cpu() ? disk_ : make_device_transfer(disk_, settings.device);
  }

  std::shared_ptr<Transfer> transfer() const override { return transfer_; }
  void take(std::size_t, const BlockSpans&) override {}  // it is there already
  std::size_t offset(std::size_t block, std::size_t span) const override { return disk_->offsets(block)[span]; }
  std::string description() const override { return "on disk, by " + disk_->description(); }

  // Private mappings, where their addresses may be had: pages are read when they are touched, and copied when they are
  // written to. What was never in memory, and may not fit there, is content with any address. A block that was changed
  // is no longer what the file says.
  std::vector<at::Tensor> spans(std::size_t block) override {
    std::vector<at::Tensor> found;
    if (disk_->is_changed(block)) {
      auto buffer = host_bytes(disk_->bytes(block) + kPageBytes);
      auto* const begin = first_page(buffer.mutable_data_ptr());
      if (auto outcome = disk_->read(block, begin); !outcome) throw Exception(outcome.error());
      for (std::size_t i = 0; i < places_[block].size(); ++i) {
        found.push_back(host_copy_for(places_[block][i].span, begin + disk_->offsets(block)[i]));
      }
      return found;
    }
    for (const auto& place : places_[block])
      found.push_back(may_be_mapped(place) ? mapping_of(place) : host_copy_for(place.span, place.mapped.data()));
    return found;
  }

 private:
  static bool may_be_mapped(const Place& place) {
    const auto address = reinterpret_cast<std::uintptr_t>(place.mapped.data());
    return place.span.begin ? place_for(place.span, address) == address : address % place.span.element_bytes == 0;
  }
  static at::Tensor mapping_of(const Place& place) {
    return at::for_blob(const_cast<std::byte*>(place.mapped.data()), {static_cast<std::int64_t>(place.mapped.size())})
        .options(at::TensorOptions().dtype(at::kByte))
        .deleter([checkpoint = place.checkpoint](void*) {})
        .make_tensor();
  }

  std::vector<std::vector<Place>> places_;
  std::shared_ptr<DiskStore> disk_;
  std::shared_ptr<Transfer> transfer_;
};

FileStore::Place place_of(const std::shared_ptr<const Checkpoint>& checkpoint, std::size_t first_file,
                          const Checkpoint::Place& place, const Span& span) {
  return {span,
          {first_file + place.file, place.entry->offset, place.entry->bytes, span.alignment, span.remainder},
          checkpoint,
          checkpoint->file(place.file).bytes(*place.entry)};
}

// Files that are gone when their last descriptor is.
class Unlinked {
 public:
  void add(std::string path) { paths_.push_back(std::move(path)); }
  ~Unlinked() {
    std::error_code ignored;
    for (const auto& path : paths_) fs::remove(path, ignored);
  }
  const std::vector<std::string>& paths() const { return paths_; }

 private:
  std::vector<std::string> paths_;
};

std::string block_file(const std::string& folder, std::size_t block) {
  return (fs::path(folder) /
          ("fvhooks-" + std::to_string(::getpid()) + "-block-" + std::to_string(block) + ".safetensors"))
      .string();
}

void write_block(const std::string& path, const BlockSpans& block) {
  std::vector<at::Tensor> copies;
  std::vector<std::int64_t> sizes;
  for (const auto& span : block.spans) sizes.push_back(static_cast<std::int64_t>(span.bytes));
  const std::int64_t stride = 1;
  std::vector<SafetensorsTensor> tensors;
  for (std::size_t i = 0; i < block.spans.size(); ++i) {
    const void* data = block.spans[i].begin;
    if (!device_of(block).is_cpu()) {
      copies.push_back(host_bytes(block.spans[i].bytes));
      copy_span(static_cast<std::byte*>(copies.back().mutable_data_ptr()), block.spans[i], device_of(block));
      data = copies.back().const_data_ptr();
    }
    tensors.push_back({std::to_string(i), {data, DType::UInt8, {&sizes[i], 1}, {&stride, 1}}});
  }
  if (auto outcome = write_safetensors(path, tensors); !outcome) throw Exception(outcome.error());
}

// The variable whose bytes are the whole span, by a name that the checkpoint has.
const Checkpoint::Place& find_span(const Checkpoint& checkpoint, const std::string& path, const BlockSpans& block,
                                   std::size_t span) {
  std::string names;
  for (const auto& variable : block.variables) {
    if (variable.span != span) continue;
    names += (names.empty() ? "\"" : ", \"") + variable.named.name + "\"";
    const auto* place = checkpoint.find(variable.named.name);
    if (place && variable.offset == 0 && place->entry->bytes == block.spans[span].bytes) return *place;
  }
  throw Exception(path + " holds no tensor of the right size for " + names +
                  ": it is not this model's checkpoint, or its names differ");
}

void check_same_kind(const NamedVariable& named, const SafetensorsEntry& entry, const std::string& path) {
  const auto sizes = named.awaited ? at::IntArrayRef(*named.awaited) : named.variable.sizes();
  if (dtype_of(named.variable.scalar_type()) != entry.dtype || sizes != at::IntArrayRef(entry.sizes)) {
    throw Exception(path + " has \"" + named.name + "\" with another dtype or shape than the model");
  }
}

void check_same(const SpannedVariable& variable, const Checkpoint& checkpoint, const std::string& path) {
  const auto* const place = checkpoint.find(variable.named.name);
  if (!place) return;  // another name of the same bytes
  check_same_kind(variable.named, *place->entry, path);
  if (!variable.named.awaited && !variable.named.variable.is_contiguous()) {
    throw Exception("\"" + variable.named.name + "\" is not contiguous: it cannot be streamed from " + path +
                    "; name a folder as the store, or keep it in host memory");
  }
}

void check_same_bytes(const BlockSpans& block, std::size_t span, std::span<const std::byte> stored,
                      const std::string& path) {
  if (!block.spans[span].begin) return;  // awaited
  auto copy = host_bytes(block.spans[span].bytes);
  copy_span(static_cast<std::byte*>(copy.mutable_data_ptr()), block.spans[span], device_of(block));
  if (std::memcmp(copy.const_data_ptr(), stored.data(), stored.size()) == 0) return;
  const auto first = std::find_if(block.variables.begin(), block.variables.end(),
                                  [&](const SpannedVariable& variable) { return variable.span == span; });
  throw Exception(path + " has other values for \"" + first->named.name +
                  "\" than the model: load it into the model first, or name an empty folder as the store");
}

}  // namespace

std::shared_ptr<BlockStore> store_in_memory(const std::vector<BlockSpans>& blocks, c10::Device device) {
  return std::make_shared<MemoryStore>(blocks, device);
}

std::shared_ptr<BlockStore> store_in_files(const std::vector<BlockSpans>& blocks, const std::string& folder,
                                           const OffloadSettings& settings) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) throw Exception("cannot make folder " + folder + " for offloaded weights: " + failed.message());
  Unlinked files;
  std::vector<std::vector<FileStore::Place>> places;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto path = block_file(folder, i);
    files.add(path);
    write_block(path, blocks[i]);
    const auto checkpoint = std::make_shared<const Checkpoint>(Checkpoint::open(path).value());
    auto& of_block = places.emplace_back();
    for (std::size_t j = 0; j < blocks[i].spans.size(); ++j) {
      of_block.push_back(place_of(checkpoint, i, *checkpoint->find(std::to_string(j)), blocks[i].spans[j]));
    }
  }
  return std::make_shared<FileStore>(files.paths(), std::move(places), settings);
}

std::shared_ptr<BlockStore> store_in_checkpoint(const std::vector<BlockSpans>& blocks, const std::string& path,
                                                const OffloadSettings& settings) {
  const auto checkpoint = std::make_shared<const Checkpoint>(Checkpoint::open(path).value());
  std::vector<std::vector<FileStore::Place>> places;
  for (const auto& block : blocks) {
    for (const auto& variable : block.variables) check_same(variable, *checkpoint, path);
    auto& of_block = places.emplace_back();
    for (std::size_t j = 0; j < block.spans.size(); ++j) {
      of_block.push_back(place_of(checkpoint, 0, find_span(*checkpoint, path, block, j), block.spans[j]));
      check_same_bytes(block, j, of_block.back().mapped, path);
    }
  }
  return std::make_shared<FileStore>(checkpoint->paths(), std::move(places), settings);
}

void load_awaited(const std::vector<NamedVariable>& variables, const OffloadSettings& settings) {
  if (std::none_of(variables.begin(), variables.end(), [](const auto& named) { return named.awaited.has_value(); }))
    return;
  const auto checkpoint = Checkpoint::open(settings.store).value();
  for (const auto& named : variables) {
    if (!named.awaited) continue;
    const auto* const place = checkpoint.find(named.name);
    if (!place) throw Exception(settings.store + " holds no \"" + named.name + "\"");
    check_same_kind(named, *place->entry, settings.store);
    const c10::InferenceMode ordinary(false);
    auto value = at::empty(*named.awaited, named.variable.options().device(c10::kCPU).requires_grad(false));
    std::memcpy(value.mutable_data_ptr(), checkpoint.file(place->file).bytes(*place->entry).data(),
                place->entry->bytes);
    auto data = named.variable;
    data.set_data(value.to(settings.device));
  }
}

}  // namespace fvhooks::internal
