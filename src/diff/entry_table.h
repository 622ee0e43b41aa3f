#pragma once
// Finds entries by key: open addressing on entry numbers, six bytes an entry.
#include <cstdint>
#include <limits>
#include <vector>

namespace fvhooks::internal {

struct EntryKey {
  std::uint32_t name = 0, moment = 0, low_call = 0;
  bool operator==(const EntryKey&) const = default;

  std::uint64_t hash() const noexcept {
    std::uint64_t mixed = (std::uint64_t{name} << 32 | moment) * 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ mixed >> 32 ^ low_call) * 0xD6E8FEB86659FD93u;
    return mixed ^ mixed >> 32;
  }
};

// `KeyOf` gives the EntryKey of an entry number.
template <class KeyOf>
class EntryTable {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  EntryTable(std::size_t entries, KeyOf key_of) : slots_(entries + entries / 2 + 1, kNone), key_of_(key_of) {}

  // Where an entry of this key is or would be: kNone there if there is none.
  std::uint32_t& slot(const EntryKey& key) {
    auto place = static_cast<std::size_t>((key.hash() & 0xFFFFFFFF) * slots_.size() >> 32);
    while (slots_[place] != kNone && key_of_(slots_[place]) != key) {
      if (++place == slots_.size()) place = 0;
    }
    return slots_[place];
  }

 private:
  std::vector<std::uint32_t> slots_;
  KeyOf key_of_;
};

}  // namespace fvhooks::internal
