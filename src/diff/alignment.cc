#include "diff/alignment.h"

#include <algorithm>
#include <limits>

#include "diff/common_keys.h"
#include "diff/entry_table.h"

namespace fvhooks::internal {
namespace {

constexpr auto kNone = Row::kNone;

// The port's entries by key. Those of one key are taken in the order in which they come.
class PortEntries {
 public:
  PortEntries(const Trace& port, const SideKeys& keys)
      : port_(port),
        keys_(keys),
        first_(port.size(), KeyOf{&port, &keys}),
        is_taken_(port.size()),
        is_repeated_(port.size()) {
    // From the last to the first, so that each finds the one behind it.
    for (std::uint32_t i = port.size(); i-- > 0;) {
      if (keys.is_left_out(port.entry(i))) continue;
      auto& first = first_.slot(keys.key(port.entry(i)));
      if (first != kNone) chain(i, first);
      first = i;
    }
  }

  // The next entry of `key`, or kNone.
  std::uint32_t take(const EntryKey& key) {
    if (is_next_in_file(key)) {
      is_taken_[++last_taken_] = true;
      return last_taken_;
    }
    auto& next = first_.slot(key);
    if (next == kNone) return kNone;
    const auto taken = next;
    if (is_taken_[taken] || is_repeated_[taken]) ++repeated_in_reference_;
    if (is_taken_[taken]) return kNone;
    is_taken_[taken] = true;
    last_taken_ = taken;
    if (!behind_.empty() && behind_[taken] != kNone) next = behind_[taken];
    return taken;
  }

  bool is_left(std::uint32_t index) const { return !is_taken_[index] && !keys_.is_left_out(port_.entry(index)); }
  std::size_t repeated() const { return std::max(repeated_in_reference_, repeated_in_port_); }

 private:
  struct KeyOf {
    const Trace* port;
    const SideKeys* keys;
    EntryKey operator()(std::uint32_t index) const { return keys->key(port->entry(index)); }
  };

  // Both sides run alike, mostly. Where no key repeats there is no other entry of it, and the table need not be asked.
  bool is_next_in_file(const EntryKey& key) const {
    const auto next = last_taken_ + 1;  // after kNone the first
    if (!behind_.empty() || next >= port_.size() || is_taken_[next]) return false;
    return !keys_.is_left_out(port_.entry(next)) && keys_.key(port_.entry(next)) == key;
  }

  void chain(std::uint32_t index, std::uint32_t behind) {
    if (behind_.empty()) behind_.assign(port_.size(), kNone);
    behind_[index] = behind;
    is_repeated_[behind] = true;
    ++repeated_in_port_;
  }

  const Trace& port_;
  const SideKeys& keys_;
  EntryTable<KeyOf> first_;
  std::vector<std::uint32_t> behind_;  // empty while no key repeats
  std::vector<bool> is_taken_, is_repeated_;
  std::uint32_t last_taken_ = kNone;
  std::size_t repeated_in_port_ = 0, repeated_in_reference_ = 0;
};

bool is_in_order(const std::vector<Row>& rows) {
  std::uint32_t last = 0;
  for (const auto& row : rows) {
    if (!row.is_pair()) continue;
    if (row.port < last) return false;
    last = row.port;
  }
  return true;
}

// Marks the fewest pairs whose removal leaves the rest in one order: those outside a longest increasing subsequence.
void mark_reordered(std::vector<Row>& rows) {
  if (is_in_order(rows)) return;
  std::vector<std::uint32_t> tails;  // row that ends the best subsequence of each length
  std::vector<std::uint32_t> before(rows.size(), kNone);
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].is_pair()) continue;
    const auto place = std::lower_bound(tails.begin(), tails.end(), i,
                                        [&](std::uint32_t a, std::uint32_t b) { return rows[a].port < rows[b].port; });
    if (place != tails.begin()) before[i] = *std::prev(place);
    if (place == tails.end()) {
      tails.push_back(i);
    } else {
      *place = i;
    }
    rows[i].is_reordered = true;
  }
  for (auto i = tails.empty() ? kNone : tails.back(); i != kNone; i = before[i]) rows[i].is_reordered = false;
}

Row row_of(const Trace& trace, std::uint32_t index, Status status) {
  Row row;
  row.is_input = is_input(trace.name(index).tensor);
  row.status = status;
  row.is_settled = true;
  return row;
}

}  // namespace

Alignment align(const Trace& reference, const Trace& port, std::vector<Row> in_step) {
  const auto keys = common_keys(reference, port);
  Alignment alignment;
  alignment.notes = keys.notes;
  PortEntries port_entries(port, keys.port);
  auto& rows = alignment.rows;
  const auto measured = in_step.size();
  rows = std::move(in_step);  // its memory serves: each row is read before its place, or one before it, is written
  // As many as there can be: what is not used is not touched, and memory that is not touched costs nothing.
  if (measured == 0) rows.reserve(std::size_t{reference.size()} + port.size());
  rows.resize(std::max<std::size_t>(measured, reference.size()));
  std::size_t used = 0;
  for (std::uint32_t i = 0; i < reference.size(); ++i) {
    if (keys.reference.is_left_out(reference.entry(i))) continue;
    const auto pair = port_entries.take(keys.reference.key(reference.entry(i)));
    auto row = i < measured && pair == i ? rows[i] : row_of(reference, i, Status::Missing);
    row.reference = i;
    row.port = pair;
    row.is_input = is_input(reference.name(i).tensor);
    if (!row.is_measured) row.is_settled = !row.is_pair();
    rows[used++] = row;
  }
  rows.resize(used);
  mark_reordered(rows);
  for (std::uint32_t i = 0; i < port.size(); ++i) {
    if (!port_entries.is_left(i)) continue;
    alignment.rows.push_back(row_of(port, i, Status::Extra));
    alignment.rows.back().port = i;
  }
  if (port_entries.repeated() != 0) {
    alignment.notes.push_back(
        std::to_string(port_entries.repeated()) +
        " records repeat the key of an earlier one: they were paired in the order in which they come");
  }
  return alignment;
}

}  // namespace fvhooks::internal
