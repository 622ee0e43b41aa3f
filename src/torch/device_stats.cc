#include "torch/device_stats.h"

#include <ATen/Functions.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <optional>
#include <utility>

#include "torch/behind_dispatch.h"
#include "torch/device_stats_rows.h"

namespace fvhooks::internal {
namespace {

at::Tensor host_memory_for(const at::Tensor& tensor) {
  const auto options = tensor.options().device(c10::kCPU);
  if (tensor.is_cpu()) return at::empty_like(tensor);
  try {
    return at::empty(tensor.sizes(), options.pinned_memory(true));  // torch uses freed pinned blocks again
  } catch (const std::exception&) {
    return at::empty(tensor.sizes(), options);
  }
}

// A copy in host memory, which may still be under way.
class HostCopy {
 public:
  explicit HostCopy(const at::Tensor& from) : host_(host_memory_for(from)) {
    host_.copy_(from, /*non_blocking=*/true);
    if (from.is_cpu()) return;
    try {
      c10::Event end(from.device().type());
      end.record(c10::impl::VirtualGuardImpl(from.device().type()).getStream(from.device()));
      end_.emplace(std::move(end));
    } catch (const std::exception&) {  // a device without events
      host_.copy_(from, /*non_blocking=*/false);
    }
  }

  bool arrived() const { return !end_ || end_->query(); }
  const std::int64_t* wait() const {
    if (end_) end_->synchronize();
    return host_.const_data_ptr<std::int64_t>();
  }

 private:
  at::Tensor host_;
  std::optional<c10::Event> end_;
};

class StatsOnTheirWay final : public DeferredStats {
 public:
  explicit StatsOnTheirWay(StatsRows rows) : rows_(std::move(rows)), copy_(rows_.numbers) {}

  bool ready() override { return copy_.arrived(); }
  TensorStats get(int buckets, Sketch& sketch) override { return joined(rows_, copy_.wait(), buckets, sketch); }

 private:
  StatsRows rows_;  // the device's numbers live until they are copied
  HostCopy copy_;
};

}  // namespace

std::unique_ptr<DeferredStats> device_stats(const at::Tensor& tensor, bool sketch) {
  const c10::OptionalDeviceGuard device(tensor.device());
  const BehindDispatch nobody_between;
  return std::make_unique<StatsOnTheirWay>(stats_rows(tensor, sketch, has_float64(tensor.device())));
}

bool is_captured(c10::Device device) {
  if (device.is_cpu()) return false;
  const c10::impl::VirtualGuardImpl guard(device.type());
  return guard.isStreamCapturing(guard.getStream(device));
}

}  // namespace fvhooks::internal
