#include "torch/device_stats_hash.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

namespace fvhooks::internal {
namespace {

constexpr std::int64_t kWords = 5;  // numbers of SplitMix64 a group
constexpr std::int64_t kKeptGroups = (std::int64_t{1} << 22) / kSketchGroup;
constexpr std::size_t kKeptStreams = 4;

at::Tensor shifted_right(const at::Tensor& z, std::int64_t bits) {
  // torch's shift keeps the sign.
  return at::bitwise_and(at::bitwise_right_shift(z, bits), (std::int64_t{1} << (64 - bits)) - 1);
}

// int64 arithmetic wraps as the page's does modulo 2^64.
at::Tensor mix(const at::Tensor& index) {
  auto z = (index + 1) * static_cast<std::int64_t>(0x9E3779B97F4A7C15u);
  z = (z ^ shifted_right(z, 30)) * static_cast<std::int64_t>(0xBF58476D1CE4E5B9u);
  z = (z ^ shifted_right(z, 27)) * static_cast<std::int64_t>(0x94D049BB133111EBu);
  return z ^ shifted_right(z, 31);
}

GroupHashes computed(std::int64_t first, std::int64_t groups, c10::Device device) {
  const auto integers = at::TensorOptions(at::kLong).device(device);
  const auto group = at::arange(first, first + groups, integers).unsqueeze(1);
  const auto words = mix(group * kWords + at::arange(kWords, integers));
  const auto word = words.narrow(1, 0, 1);
  const auto element = at::arange(kSketchGroup, integers);
  const auto of_block = at::bitwise_right_shift(word, at::bitwise_right_shift(element, 6) * 6 + 8);
  const auto buckets = element ^ at::bitwise_and(word, 192) ^ at::bitwise_and(of_block, 63);
  const auto bits = at::bitwise_right_shift(words.narrow(1, 1, 4).unsqueeze(2), at::arange(64, integers));
  const auto negative = at::bitwise_and(bits, 1).to(at::kChar).reshape({groups, kSketchGroup});
  return {buckets, 1 - 2 * negative};
}

// By stream: another than that which writes them might read them too early.
class KeptHashes {
 public:
  std::optional<GroupHashes> find(c10::Stream stream, std::int64_t groups) {
    const std::lock_guard lock(mutex_);
    const auto found = by_stream_.find(stream);
    if (found == by_stream_.end() || found->second.buckets.size(0) < groups) return std::nullopt;
    return GroupHashes{found->second.buckets.narrow(0, 0, groups), found->second.signs.narrow(0, 0, groups)};
  }

  void keep(c10::Stream stream, const GroupHashes& hashes) {
    const std::lock_guard lock(mutex_);
    if (by_stream_.size() < kKeptStreams || by_stream_.count(stream) > 0) by_stream_[stream] = hashes;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<c10::Stream, GroupHashes> by_stream_;
};

// Never destroyed: when a process ends, the device may be gone before its statics.
KeptHashes& kept_hashes() {
  static auto* const instance = new KeptHashes;
  return *instance;
}

c10::Stream current_stream(c10::Device device) { return c10::impl::VirtualGuardImpl(device.type()).getStream(device); }

}  // namespace

GroupHashes group_hashes(std::int64_t first, std::int64_t groups, c10::Device device) {
  if (first != 0 || groups > kKeptGroups) return computed(first, groups, device);
  const auto stream = current_stream(device);
  if (auto kept = kept_hashes().find(stream, groups)) return *std::move(kept);
  auto hashes = computed(0, groups, device);
  kept_hashes().keep(stream, hashes);
  return hashes;
}

}  // namespace fvhooks::internal
