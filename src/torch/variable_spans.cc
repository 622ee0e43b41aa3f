#include "torch/variable_spans.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "fvhooks/disk_store.h"

namespace fvhooks::internal {
namespace {

constexpr std::size_t kOther = static_cast<std::size_t>(-1);

bool is_movable(const at::Tensor& tensor) {
  return tensor.defined() && tensor.layout() == c10::kStrided && !tensor.is_quantized() && tensor.numel() > 0 &&
         !tensor.is_meta() && tensor.has_storage() && !tensor.is_conj() && !tensor.is_neg();
}

struct Range {
  const std::byte* begin;
  const std::byte* end;
  std::size_t block;
  const NamedVariable* named;
};

void add_ranges(std::vector<Range>& ranges, const std::vector<NamedVariable>& variables, std::size_t block) {
  std::set<const c10::TensorImpl*> seen;
  for (const auto& named : variables) {
    if (named.awaited || !is_movable(named.variable) || !seen.insert(named.variable.unsafeGetTensorImpl()).second)
      continue;
    const auto* const begin = static_cast<const std::byte*>(named.variable.const_data_ptr());
    ranges.push_back({begin, begin + spanned_bytes(named.variable), block, &named});
  }
}

// Adds ranges that lie on one piece of memory, if they are one block's.
void add_span(std::vector<BlockSpans>& blocks, const std::vector<Range>& together, c10::Device device,
              const std::function<void(const std::string&)>& log) {
  const auto block = together.front().block;
  const bool is_shared =
      std::any_of(together.begin(), together.end(), [&](const Range& range) { return range.block != block; });
  if (is_shared) {
    log("\"" + together.front().named->name + "\" shares its memory beyond its block: it stays on the device");
    return;
  }
  if (block == kOther) return;
  Span span;
  span.begin = together.front().begin;
  span.alignment = address_alignment(device);
  if (together.front().named->variable.device() == device)
    span.remainder = reinterpret_cast<std::uintptr_t>(span.begin) % span.alignment;
  for (const auto& range : together) {
    span.bytes = std::max(span.bytes, static_cast<std::uint64_t>(range.end - span.begin));
    span.element_bytes = std::max(span.element_bytes, static_cast<std::size_t>(range.named->variable.element_size()));
    blocks[block].variables.push_back(
        {*range.named, blocks[block].spans.size(), static_cast<std::uint64_t>(range.begin - span.begin)});
  }
  blocks[block].spans.push_back(span);
}

}  // namespace

std::size_t address_alignment(c10::Device device) { return device.is_cpu() ? kTensorAlignment : 512; }

std::uint64_t spanned_bytes(const at::Tensor& tensor) {
  std::int64_t last = 0;
  for (std::int64_t i = 0; i < tensor.dim(); ++i) last += (tensor.size(i) - 1) * tensor.stride(i);
  return static_cast<std::uint64_t>(last + 1) * tensor.element_size();
}

std::vector<BlockSpans> find_spans(const std::vector<std::vector<NamedVariable>>& blocks,
                                   const std::vector<NamedVariable>& others, c10::Device device,
                                   const std::function<void(const std::string&)>& log) {
  std::vector<Range> ranges;
  add_ranges(ranges, others, kOther);
  for (std::size_t i = 0; i < blocks.size(); ++i) add_ranges(ranges, blocks[i], i);
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return std::tie(a.begin, a.block) < std::tie(b.begin, b.block); });

  std::vector<BlockSpans> found(blocks.size());
  std::vector<Range> together;
  const std::byte* end = nullptr;
  for (const auto& range : ranges) {
    if (!together.empty() && range.begin >= end) {
      add_span(found, together, device, log);
      together.clear();
    }
    end = together.empty() ? range.end : std::max(end, range.end);
    together.push_back(range);
  }
  if (!together.empty()) add_span(found, together, device, log);
  return found;
}

}  // namespace fvhooks::internal
