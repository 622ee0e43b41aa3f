#include "checkpoint_blocks.h"

#include <algorithm>
#include <map>

#include "glob.h"

namespace fvtrace {
namespace {

constexpr auto kNone = std::string_view::npos;

bool is_number(std::string_view component) {
  return !component.empty() && component.find_first_not_of("0123456789") == kNone;
}

std::string_view take_component(std::string_view& rest) {
  const auto dot = rest.find('.');
  const auto component = rest.substr(0, dot);
  rest = dot == kNone ? std::string_view() : rest.substr(dot + 1);
  return component;
}

std::string_view without_leading_zeros(std::string_view number) {
  return number.substr(std::min(number.find_first_not_of('0'), number.size()));
}

int compare_components(std::string_view a, std::string_view b) {
  if (is_number(a) && is_number(b)) {
    const auto x = without_leading_zeros(a), y = without_leading_zeros(b);
    if (x.size() != y.size()) return x.size() < y.size() ? -1 : 1;
    if (const auto order = x.compare(y); order != 0) return order;
  }
  return a.compare(b);
}

}  // namespace

bool is_before(std::string_view block, std::string_view other) {
  while (!block.empty() && !other.empty()) {
    const auto order = compare_components(take_component(block), take_component(other));
    if (order != 0) return order < 0;
  }
  return block.empty() && !other.empty();
}

std::string_view block_of(std::string_view tensor, std::string_view pattern) {
  std::size_t begin = 0;
  for (auto dot = tensor.find('.'); dot != kNone; dot = tensor.find('.', begin)) {
    const auto part = tensor.substr(0, dot);
    if (pattern.empty() ? is_number(tensor.substr(begin, dot - begin)) : glob_matches(pattern, part)) return part;
    begin = dot + 1;
  }
  return {};
}

CheckpointBlocks find_blocks(const fvhooks::Checkpoint& checkpoint, std::string_view pattern) {
  CheckpointBlocks found;
  std::map<std::string, std::vector<fvhooks::StoredTensor>, decltype(&is_before)> by_name(&is_before);
  for (const auto& [name, place] : checkpoint.places()) {
    const auto& entry = *place.entry;
    const auto block = block_of(name, pattern);
    if (block.empty()) {
      found.bytes_outside += entry.bytes;
    } else if (entry.bytes > 0) {
      by_name[std::string(block)].push_back({place.file, entry.offset, entry.bytes});
    }
  }
  for (auto& [name, tensors] : by_name) found.blocks.push_back({name, std::move(tensors)});
  return found;
}

}  // namespace fvtrace
