#include "torch/device_transfer.h"

#include <ATen/Functions.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "offload/page.h"
#include "torch/byte_tensor.h"

namespace fvhooks::internal {
namespace {

at::Tensor byte_buffer(std::size_t bytes, c10::Device device, bool pinned) {
  return at::empty({static_cast<std::int64_t>(bytes)},
                   at::TensorOptions().dtype(at::kByte).device(device).pinned_memory(pinned));
}

// What a failing operation of torch says, as a value.
template <class Work>
auto caught(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& trouble) {
    return Error{trouble.what()};
  }
}

// Where a block's bytes come from on the host, and go back to.
class HostSide {
 public:
  virtual ~HostSide() = default;
  virtual std::size_t blocks() const noexcept = 0;
  virtual std::size_t bytes(std::size_t block) const noexcept = 0;
  // Memory that stays as it is until the next call but one, by when `copied` of it has been waited for.
  virtual Expected<const std::byte*> get(std::size_t block, std::optional<c10::Event>*& copied) = 0;
  virtual Expected<std::monostate> put(std::size_t block, const std::byte* from) = 0;
};

class InMemory : public HostSide {
 public:
  explicit InMemory(std::shared_ptr<HostBlocks> host) : host_(std::move(host)) {}
  std::size_t blocks() const noexcept override { return host_->count(); }
  std::size_t bytes(std::size_t block) const noexcept override { return host_->bytes(block); }
  Expected<const std::byte*> get(std::size_t block, std::optional<c10::Event>*&) override {
    return static_cast<const std::byte*>(host_->at(block));
  }
  Expected<std::monostate> put(std::size_t block, const std::byte* from) override {
    std::memcpy(host_->at(block), from, host_->bytes(block));
    return std::monostate();
  }

 private:
  std::shared_ptr<HostBlocks> host_;
};

class OnDisk : public HostSide {
 public:
  explicit OnDisk(std::shared_ptr<DiskStore> disk) : disk_(std::move(disk)) {
    std::size_t largest = 0;
    for (std::size_t i = 0; i < disk_->blocks(); ++i) largest = std::max(largest, disk_->bytes(i));
    for (auto& buffer : buffers_) {
      buffer.memory = byte_buffer(largest + kPageBytes, c10::kCPU, /*pinned=*/true);
      buffer.begin = first_page(buffer.memory.mutable_data_ptr());
    }
  }
  std::size_t blocks() const noexcept override { return disk_->blocks(); }
  std::size_t bytes(std::size_t block) const noexcept override { return disk_->bytes(block); }
  Expected<const std::byte*> get(std::size_t block, std::optional<c10::Event>*& copied) override {
    auto& buffer = buffers_[next_];
    next_ = (next_ + 1) % buffers_.size();
    if (buffer.copied) buffer.copied->synchronize();
    copied = &buffer.copied;
    if (auto outcome = disk_->read(block, buffer.begin); !outcome) return outcome.error();
    return static_cast<const std::byte*>(buffer.begin);
  }
  Expected<std::monostate> put(std::size_t block, const std::byte* from) override { return disk_->put(block, 0, from); }

 private:
  struct Buffer {
    at::Tensor memory;
    std::byte* begin = nullptr;
    std::optional<c10::Event> copied;
  };
  std::shared_ptr<DiskStore> disk_;
  std::array<Buffer, 2> buffers_;
  std::size_t next_ = 0;
};

class DeviceTransfer : public Transfer {
 public:
  DeviceTransfer(std::unique_ptr<HostSide> host, c10::Device device) : host_(std::move(host)), device_(device) {
    if (is_asynchronous()) copies_.emplace(c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device));
  }

  std::size_t blocks() const noexcept override { return host_->blocks(); }
  std::size_t bytes(std::size_t block) const noexcept override { return host_->bytes(block); }

  Expected<std::byte*> allocate(std::size_t bytes) override {
    return caught([&]() -> Expected<std::byte*> {
      arena_ = byte_buffer(bytes + kPageBytes, device_, /*pinned=*/false);
      return first_page(arena_.mutable_data_ptr());
    });
  }
  void release(std::byte*, std::size_t) noexcept override { arena_.reset(); }

  Expected<std::monostate> fetch(std::size_t block, std::size_t slot, std::byte* to) override {
    return caught([&]() -> Expected<std::monostate> {
      std::optional<c10::Event>* copied = nullptr;
      const auto from = host_->get(block, copied);
      if (!from) return from.error();
      if (!is_asynchronous()) {
        std::memcpy(to, *from, bytes(block));
        return std::monostate();
      }
      auto& events = events_of(slot);
      const c10::StreamGuard on_copies(*copies_);
      if (events.free) copies_->wait(*events.free);
      byte_view(to, bytes(block), device_).copy_(byte_view(*from, bytes(block), c10::kCPU), /*non_blocking=*/true);
      events.ready.emplace(device_.type());
      events.ready->record(*copies_);
      if (copied) {
        copied->emplace(device_.type());
        (*copied)->record(*copies_);
      }
      return std::monostate();
    });
  }

  Expected<std::monostate> put(std::size_t block, std::size_t, const std::byte* from) override {
    return caught([&]() -> Expected<std::monostate> {
      if (!is_asynchronous()) return host_->put(block, from);
      auto copy = byte_buffer(bytes(block) + kPageBytes, c10::kCPU, /*pinned=*/false);
      auto* const memory = first_page(copy.mutable_data_ptr());
      byte_view(memory, bytes(block), c10::kCPU).copy_(byte_view(from, bytes(block), device_));
      return host_->put(block, memory);
    });
  }

  void before_use(std::size_t slot) override {
    if (is_asynchronous()) current_stream().wait(*events_of(slot).ready);
  }
  void after_use(std::size_t slot) noexcept override {
    if (!is_asynchronous()) return;
    auto& free = events_of(slot).free;
    if (!free) free.emplace(device_.type());
    free->record(current_stream());
  }

 private:
  struct Events {
    std::optional<c10::Event> ready, free;  // the slot's bytes are there; their last use is over
  };

  bool is_asynchronous() const noexcept { return !device_.is_cpu(); }
  c10::Stream current_stream() const { return c10::impl::VirtualGuardImpl(device_.type()).getStream(device_); }
  Events& events_of(std::size_t slot) {
    const std::scoped_lock lock(mutex_);
    return events_[slot];
  }

  std::unique_ptr<HostSide> host_;
  c10::Device device_;
  at::Tensor arena_;
  std::optional<c10::Stream> copies_;
  std::mutex mutex_;
  std::map<std::size_t, Events> events_;  // nodes stay where they are
};

}  // namespace

HostBlocks::HostBlocks(const std::vector<std::size_t>& bytes, c10::Device device) : begins_{0} {
  for (const auto size : bytes) begins_.push_back(begins_.back() + page_end(size));
  arena_ = byte_buffer(begins_.back() + kPageBytes, c10::kCPU, /*pinned=*/!device.is_cpu());
  memory_ = first_page(arena_.mutable_data_ptr());
}

std::shared_ptr<Transfer> make_device_transfer(std::shared_ptr<HostBlocks> host, c10::Device device) {
  return std::make_shared<DeviceTransfer>(std::make_unique<InMemory>(std::move(host)), device);
}

std::shared_ptr<Transfer> make_device_transfer(std::shared_ptr<DiskStore> disk, c10::Device device) {
  return std::make_shared<DeviceTransfer>(std::make_unique<OnDisk>(std::move(disk)), device);
}

}  // namespace fvhooks::internal
