#include "fingerprints.h"

#include <functional>

namespace fvtrace {

bool Fingerprints::insert(std::string_view text) {
  if (10 * count_ > 7 * slots_.size()) {
    auto before = std::vector<std::uint64_t>(2 * slots_.size());
    before.swap(slots_);
    for (const auto fingerprint : before) {
      if (fingerprint != 0) place(fingerprint);
    }
  }
  const bool is_new = place(std::hash<std::string_view>()(text) | 1);
  count_ += is_new;
  return is_new;
}

bool Fingerprints::place(std::uint64_t fingerprint) {
  const auto mask = slots_.size() - 1;  // a power of two
  for (auto i = fingerprint >> 1;; ++i) {
    auto& slot = slots_[i & mask];
    if (slot == fingerprint) return false;
    if (slot == 0) {
      slot = fingerprint;
      return true;
    }
  }
}

}  // namespace fvtrace
