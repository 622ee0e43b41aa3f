#pragma once
// One numbering of the names and moments of two traces, so that what means the same has the same number.
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "diff/entry_table.h"
#include "diff/trace.h"

namespace fvhooks::internal {

// A side's own numbers in the common numbering; kLeftOut: not compared.
struct SideKeys {
  static constexpr std::uint32_t kLeftOut = std::numeric_limits<std::uint32_t>::max();
  std::vector<std::uint32_t> names, moments;

  bool is_left_out(const Entry& entry) const {
    return names[entry.name] == kLeftOut || moments[entry.moment] == kLeftOut;
  }
  EntryKey key(const Entry& entry) const { return {names[entry.name], moments[entry.moment], entry.low_call}; }
};

struct CommonKeys {
  SideKeys reference, port;
  std::vector<std::string> notes;
};

CommonKeys common_keys(const Trace& reference, const Trace& port);

}  // namespace fvhooks::internal
