#pragma once
// Small numbers for things of which a trace repeats few many times: names, and moments.
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <vector>

namespace fvhooks::internal {

// `Seen` is what a line shows (views), `Stored` what is kept of it; each has parts() to compare and hash by.
template <class Stored, class Seen>
class Interner {
 public:
  std::uint32_t id(const Seen& seen) {
    // A model runs its modules in the same order again and again: what followed the last one most likely follows again.
    if (last_ < followers_.size() && followers_[last_] != kNone && items_[followers_[last_]].parts() == seen.parts()) {
      return last_ = followers_[last_];
    }
    const auto found = find_or_add(seen);
    if (last_ < followers_.size()) followers_[last_] = found;
    return last_ = found;
  }

  const Stored& operator[](std::uint32_t id) const { return items_[id]; }
  Stored& operator[](std::uint32_t id) { return items_[id]; }
  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(items_.size()); }

 private:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  template <class Parts>
  static std::size_t hash(const Parts& parts) {
    return std::apply(
        [](const auto&... part) {
          std::size_t mixed = 0;
          ((mixed = (mixed ^ std::hash<std::decay_t<decltype(part)>>{}(part)) * 0x9E3779B97F4A7C15u + (mixed >> 29)),
           ...);
          return mixed ^ mixed >> 32;
        },
        parts);
  }

  std::uint32_t find_or_add(const Seen& seen) {
    if (2 * (items_.size() + 1) > slots_.size()) grow();
    auto slot = hash(seen.parts()) % slots_.size();
    for (; slots_[slot] != kNone; slot = (slot + 1) % slots_.size()) {
      if (items_[slots_[slot]].parts() == seen.parts()) return slots_[slot];
    }
    slots_[slot] = size();
    items_.emplace_back(seen);
    followers_.push_back(kNone);
    return size() - 1;
  }

  void grow() {
    slots_.assign(slots_.empty() ? 64 : 2 * slots_.size(), kNone);
    for (std::uint32_t i = 0; i < size(); ++i) {
      auto slot = hash(items_[i].parts()) % slots_.size();
      while (slots_[slot] != kNone) slot = (slot + 1) % slots_.size();
      slots_[slot] = i;
    }
  }

  std::deque<Stored> items_;
  std::vector<std::uint32_t> slots_, followers_;
  std::uint32_t last_ = kNone;
};

}  // namespace fvhooks::internal
