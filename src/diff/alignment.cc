#include "diff/alignment.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace fvhooks::internal {
namespace {

using Records = std::vector<const TracedRecord*>;

Records pointers(const Trace& trace) {
  Records records;
  records.reserve(trace.records.size());
  for (const auto& traced : trace.records) records.push_back(&traced);
  return records;
}

// Both sides of a comparison, and what is noted while they are made comparable.
struct Sides {
  Records reference, port;
  std::vector<std::string> notes;

  // Leaves out, of the side that has them, records that the other side's settings did not trace.
  template <class Predicate>
  void drop_one_sided(const Predicate& belongs, const std::string& what, const std::string& setting) {
    const bool in_reference = std::any_of(reference.begin(), reference.end(), belongs);
    const bool in_port = std::any_of(port.begin(), port.end(), belongs);
    if (in_reference == in_port) return;
    auto& owner = in_reference ? reference : port;
    const auto is_all = std::all_of(owner.begin(), owner.end(), belongs);
    if (is_all) return;
    const auto dropped = std::erase_if(owner, belongs);
    notes.push_back(what + " traced in the " + (in_reference ? "reference" : "port") + " only: " +
                    std::to_string(dropped) + " records were left out (" + setting + " on both sides compares them)");
  }
};

template <class Get>
auto distinct(const Records& records, const Get& get) {
  std::set<std::decay_t<decltype(get(records.front()->record))>> values;
  for (const auto* traced : records) values.insert(get(traced->record));
  return values;
}

std::string quoted(const std::string& name) { return name.empty() ? "an unnamed root" : "root \"" + name + "\""; }

// One root on each side under two names is one model.
bool roots_differ_in_name_only(Sides& sides) {
  const auto root = [](const Record& record) { return record.root; };
  const auto in_reference = distinct(sides.reference, root), in_port = distinct(sides.port, root);
  if (in_reference.size() != 1 || in_port.size() != 1 || in_reference == in_port) return false;
  sides.notes.push_back("the reference's " + quoted(*in_reference.begin()) + " was compared with the port's " +
                        quoted(*in_port.begin()));
  return true;
}

// A side without ranks is compared with the other side's first one.
bool one_side_has_no_ranks(Sides& sides) {
  const auto rank = [](const Record& record) { return record.rank; };
  const auto in_reference = distinct(sides.reference, rank), in_port = distinct(sides.port, rank);
  const bool reference_has = in_reference.rbegin()->has_value(), port_has = in_port.rbegin()->has_value();
  if (reference_has == port_has) return false;
  const auto& ranks = reference_has ? in_reference : in_port;
  if (ranks.size() == 1) return true;
  const auto first = *ranks.begin();
  std::erase_if(reference_has ? sides.reference : sides.port,
                [&](const TracedRecord* traced) { return traced->record.rank != first; });
  sides.notes.push_back(std::string("the ") + (reference_has ? "port" : "reference") +
                        " has no ranks: it was compared with the first rank of the other side");
  return true;
}

struct Key {
  std::optional<std::int64_t> rank;
  std::string_view root, module, tensor;
  std::optional<std::int64_t> step;
  std::uint64_t call = 0;
  std::size_t occurrence = 0;  // of the same key: a file may hold it twice

  bool operator==(const Key&) const = default;
};

struct KeyHash {
  std::size_t operator()(const Key& key) const noexcept {
    std::size_t hash = 0;
    const auto mix = [&](std::size_t part) { hash = (hash ^ part) * 0x9E3779B97F4A7C15u + (hash >> 29); };
    for (const auto text : {key.root, key.module, key.tensor}) mix(std::hash<std::string_view>{}(text));
    for (const auto& number : {key.rank, key.step}) mix(std::hash<std::optional<std::int64_t>>{}(number));
    mix(key.call);
    mix(key.occurrence);
    return hash;
  }
};

// The keys of one side's records; a key that comes again gets the next occurrence.
class Keys {
 public:
  Keys(bool ignore_rank, bool ignore_root) : ignore_rank_(ignore_rank), ignore_root_(ignore_root) {}

  Key next(const Record& record) {
    Key key{ignore_rank_ ? std::nullopt : record.rank,
            ignore_root_ ? std::string_view() : std::string_view(record.root),
            record.module,
            record.tensor,
            record.step,
            record.call.value_or(0),
            0};
    const auto occurrence = seen_[key]++;
    repeated_ += occurrence != 0;
    key.occurrence = occurrence;
    return key;
  }
  std::size_t repeated() const { return repeated_; }

 private:
  bool ignore_rank_, ignore_root_;
  std::unordered_map<Key, std::size_t, KeyHash> seen_;
  std::size_t repeated_ = 0;
};

// Marks the fewest pairs whose removal leaves the rest in one order: those outside a longest increasing subsequence.
void mark_reordered(std::vector<AlignedPair>& pairs, const std::vector<std::size_t>& port_positions) {
  constexpr auto kNone = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> tails;  // pair that ends the best subsequence of each length
  std::vector<std::size_t> before(pairs.size(), kNone);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (!pairs[i].reference || !pairs[i].port) continue;
    const auto place = std::lower_bound(tails.begin(), tails.end(), i, [&](std::size_t a, std::size_t b) {
      return port_positions[a] < port_positions[b];
    });
    if (place != tails.begin()) before[i] = *std::prev(place);
    if (place == tails.end()) {
      tails.push_back(i);
    } else {
      *place = i;
    }
    pairs[i].reordered = true;
  }
  for (auto i = tails.empty() ? kNone : tails.back(); i != kNone; i = before[i]) pairs[i].reordered = false;
}

}  // namespace

Alignment align(const Trace& reference, const Trace& port) {
  Sides sides{pointers(reference), pointers(port), {}};
  sides.drop_one_sided([](const TracedRecord* traced) { return is_input(traced->record.tensor); }, "inputs were",
                       "FASTVIDEO_TRACE_INPUTS=1");
  sides.drop_one_sided([](const TracedRecord* traced) { return traced->record.module.empty(); }, "the root module was",
                       "FASTVIDEO_TRACE_ROOT=1");
  const bool ignore_root = !sides.reference.empty() && !sides.port.empty() && roots_differ_in_name_only(sides);
  const bool ignore_rank = !sides.reference.empty() && !sides.port.empty() && one_side_has_no_ranks(sides);

  std::unordered_map<Key, std::size_t, KeyHash> port_index;
  Keys port_keys(ignore_rank, ignore_root), reference_keys(ignore_rank, ignore_root);
  port_index.reserve(sides.port.size());
  for (std::size_t i = 0; i < sides.port.size(); ++i) port_index.emplace(port_keys.next(sides.port[i]->record), i);

  Alignment alignment;
  std::vector<std::size_t> port_positions;
  std::vector<bool> matched(sides.port.size(), false);
  for (const auto* traced : sides.reference) {
    const auto found = port_index.find(reference_keys.next(traced->record));
    const bool is_paired = found != port_index.end();
    alignment.pairs.push_back({traced, is_paired ? sides.port[found->second] : nullptr, false});
    port_positions.push_back(is_paired ? found->second : 0);
    if (is_paired) matched[found->second] = true;
  }
  mark_reordered(alignment.pairs, port_positions);
  for (std::size_t i = 0; i < sides.port.size(); ++i) {
    if (!matched[i]) alignment.pairs.push_back({nullptr, sides.port[i], false});
  }

  alignment.notes = std::move(sides.notes);
  const auto repeated = std::max(reference_keys.repeated(), port_keys.repeated());
  if (repeated != 0) {
    alignment.notes.push_back(
        std::to_string(repeated) +
        " records repeat the key of an earlier one: they were paired in the order in which they come");
  }
  return alignment;
}

}  // namespace fvhooks::internal
