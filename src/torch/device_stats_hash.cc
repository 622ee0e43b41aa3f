#include "torch/device_stats_hash.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <mutex>
#include <unordered_map>

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
  const auto exchange = at::bitwise_and(words.narrow(1, 0, 1), 255);
  const auto bits = at::bitwise_right_shift(words.narrow(1, 1, 4).unsqueeze(2), at::arange(64, integers));
  const auto negative = at::bitwise_and(bits, 1).to(at::kChar).reshape({groups, kSketchGroup});
  return {at::arange(kSketchGroup, integers) ^ exchange, 1 - 2 * negative};
}

// Of one stream only: another might read them before they are written.
struct KeptHashes {
  std::mutex mutex;
  std::unordered_map<c10::Stream, GroupHashes> by_stream;
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
  auto& [mutex, by_stream] = kept_hashes();
  const std::lock_guard lock(mutex);
  const auto found = by_stream.find(stream);
  if (found == by_stream.end() && by_stream.size() == kKeptStreams) return computed(0, groups, device);
  auto& kept = found == by_stream.end() ? by_stream[stream] : found->second;
  if (!kept.buckets.defined() || kept.buckets.size(0) < groups) kept = computed(0, groups, device);
  return {kept.buckets.narrow(0, 0, groups), kept.signs.narrow(0, 0, groups)};
}

}  // namespace fvhooks::internal
