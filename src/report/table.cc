#include "report/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "core/counted.h"

namespace fvhooks::internal {
namespace {

struct Line {
  std::string name, moment, status, error, threshold, ratio;
  bool failed = false;
};

std::string number(const std::optional<double>& value) { return value ? fmt::format("{:.2e}", *value) : ""; }

std::string ratio_text(const Comparison& comparison) {
  const auto value = comparison.ratio();
  if (!value) return "";
  return *value >= 1e6 ? fmt::format("{:.1e}×", *value) : fmt::format("{:.{}f}×", *value, *value < 10 ? 2 : 0);
}

Line line_of(const Comparison& comparison) {
  const auto& key = comparison.key;
  std::string name = key.root.empty() ? "" : printable(key.root) + ": ";
  name += (key.module.empty() ? "(root)" : printable(key.module)) + " " + printable(key.tensor);
  std::string moment = fmt::format("{}/{}", key.step ? std::to_string(*key.step) : "-", key.call);
  if (key.rank) moment += fmt::format("/{}", *key.rank);
  return {name,
          moment,
          std::string(status_name(comparison.status)),
          number(comparison.error),
          number(comparison.threshold),
          ratio_text(comparison),
          is_failure(comparison.status)};
}

// The end of a path says more than its beginning. Cuts between UTF-8 characters.
std::string shortened(const std::string& name, std::size_t width) {
  if (name.size() <= width || width < 2) return name;
  auto start = name.size() - (width - 1);
  while (start < name.size() && (static_cast<unsigned char>(name[start]) & 0xC0) == 0x80) ++start;
  return "…" + name.substr(start);
}

class Layout {
 public:
  explicit Layout(const TerminalStyle& style) : style_(style) {
    // In a narrow terminal the ratio says more than the two numbers that it is of.
    shows_threshold_ = style.width >= kLeastName + width_of_others();
    shows_error_ = shows_threshold_ || style.width >= kLeastName + width_of_others();
  }

  void make_room_for(const Line& line) {
    const auto most = style_.width > width_of_others() + kLeastName ? style_.width - width_of_others() : kLeastName;
    name_width_ = std::max(name_width_, std::min(line.name.size(), most));
  }

  std::string header() const {
    return text({"module, tensor", "step/call", "status", "error", "threshold", "ratio", false});
  }
  std::string text(const Line& line) const {
    const auto status = fmt::format("{:<12}", line.status);
    auto text = fmt::format("  {:<{}}  {:>9}  {}", shortened(line.name, name_width_), name_width_, line.moment,
                            line.failed && style_.colour ? "\x1b[31m" + status + "\x1b[0m" : status);
    if (shows_error_) text += fmt::format("  {:>9}", line.error);
    if (shows_threshold_) text += fmt::format("  {:>9}", line.threshold);
    return text + fmt::format("  {:>8}\n", line.ratio);
  }

 private:
  static constexpr std::size_t kLeastName = 24, kNumber = 11;

  std::size_t width_of_others() const { return 38 + kNumber * (std::size_t{shows_error_} + shows_threshold_); }

  TerminalStyle style_;
  std::size_t name_width_ = 14;
  bool shows_error_ = true, shows_threshold_ = true;
};

// Missing and extra records are reported by subtree.
bool is_shown(const Row& row) { return row.status != Status::Missing && row.status != Status::Extra; }

// An entry of the table: a record, or how many passes stand here in its place.
struct Entry {
  std::size_t index = 0;
  std::size_t passes = 0;
};

std::string text_of(const Verdict& verdict, const std::vector<Entry>& entries, const TerminalStyle& style) {
  Layout layout(style);
  for (const auto& entry : entries) {
    if (entry.passes == 0) layout.make_room_for(line_of(verdict.comparison(entry.index)));
  }
  std::string text = layout.header();
  for (const auto& entry : entries) {
    text += entry.passes == 0 ? layout.text(line_of(verdict.comparison(entry.index)))
                              : fmt::format("  … {} within\n", entry.passes);
  }
  return text;
}

std::vector<Entry> all_records(const Verdict& verdict) {
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < verdict.size(); ++i) {
    if (is_shown(verdict.row(i))) entries.push_back({i, 0});
  }
  return entries;
}

// 0 where there is none.
double ratio_of(const Row& row) { return row.threshold > 0 && row.error > 0 ? double{row.error} / row.threshold : 0; }

std::vector<Entry> closest_to_threshold(const Verdict& verdict) {
  constexpr std::size_t kShown = 5;
  const auto is_closer = [&](const Entry& a, const Entry& b) {
    return ratio_of(verdict.row(a.index)) > ratio_of(verdict.row(b.index));
  };
  std::vector<Entry> closest;
  for (std::size_t i = 0; i < verdict.size(); ++i) {
    if (!is_shown(verdict.row(i)) || !(verdict.row(i).threshold > 0)) continue;
    const Entry entry{i, 0};
    closest.insert(std::upper_bound(closest.begin(), closest.end(), entry, is_closer), entry);
    if (closest.size() > kShown) closest.pop_back();
  }
  return closest;
}

// Failures and the passes next to them; longer runs of passes become one entry. Of `most` entries, as many as are
// needed are kept for the landmarks, of which all are shown.
class Grouping {
 public:
  Grouping(std::size_t most, std::size_t landmarks) : most_(most), landmarks_left_(landmarks) {}

  void add(std::size_t index, bool is_failure, bool is_landmark) {
    if (is_landmark || is_failure) {
      add_passes(std::min(before_.size(), kContext));
      landmarks_left_ -= is_landmark;
      is_landmark ? entries_.push_back({index, 0}) : push({index, 0}, 1);
      context_left_ = kContext;
    } else if (context_left_ != 0) {
      --context_left_;
      push({index, 0}, 1);
    } else {
      before_.push_back(index);
      if (before_.size() > kContext) before_.erase(before_.begin());
      ++passes_;
    }
  }
  void finish() { add_passes(0); }

  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t left_out() const { return left_out_; }

 private:
  static constexpr std::size_t kContext = 2;

  std::size_t room() const { return most_ - std::min(most_, entries_.size() + landmarks_left_); }

  // What passed since the last entry, the last `shown` of it as records, or as many as there is room for.
  void add_passes(std::size_t shown) {
    const auto needed = shown + (passes_ > shown);
    if (needed > room()) shown = room() - std::min<std::size_t>(room(), 1);
    if (passes_ > shown) push({0, passes_ - shown}, passes_ - shown);
    for (auto i = before_.size() - shown; i < before_.size(); ++i) push({before_[i], 0}, 1);
    before_.clear();
    passes_ = 0;
  }
  void push(const Entry& entry, std::size_t records) {
    if (room() != 0) {
      entries_.push_back(entry);
    } else {
      left_out_ += records;
    }
  }

  std::size_t most_, landmarks_left_;
  std::vector<Entry> entries_;
  std::vector<std::size_t> before_;  // the last passes
  std::size_t passes_ = 0, context_left_ = 0, left_out_ = 0;
};

// Rows to be seen, whatever else is.
std::vector<std::size_t> landmarks(const Verdict& verdict) {
  std::vector<std::size_t> shown;
  for (const auto& index : {verdict.first_evidence, verdict.first_diverged}) {
    const bool is_new = index && std::ranges::find(shown, *index) == shown.end();
    if (is_new && is_shown(verdict.row(*index))) shown.push_back(*index);
  }
  return shown;
}

std::string around_divergence(const Verdict& verdict, const TerminalStyle& style) {
  const auto to_be_seen = landmarks(verdict);
  Grouping grouping(style.rows, to_be_seen.size());
  bool has_failures = false;
  for (std::size_t i = 0; i < verdict.size(); ++i) {
    if (!is_shown(verdict.row(i))) continue;
    const bool is_landmark = std::ranges::find(to_be_seen, i) != to_be_seen.end();
    const bool fails = is_failure(verdict.row(i).status);
    has_failures = has_failures || fails || is_landmark;
    grouping.add(i, fails, is_landmark);
  }
  if (!has_failures) return {};
  grouping.finish();
  auto text = text_of(verdict, grouping.entries(), style);
  if (grouping.left_out() != 0) {
    text += fmt::format("  … {} (--rows 0 shows all)\n", counted(grouping.left_out(), "more record"));
  }
  return text;
}

// What the text begins with, if it is a mark that changes the direction of writing.
std::optional<unsigned> direction_mark(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  if (byte(0) == 0xD8 && byte(1) == 0x9C) return 0x061C;
  const bool may_be_mark = byte(0) == 0xE2 && (byte(1) == 0x80 || byte(1) == 0x81) && (byte(2) & 0xC0) == 0x80;
  if (!may_be_mark) return std::nullopt;
  const auto character = 0x2000 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
  const auto lies_in = [&](unsigned first, unsigned last) { return first <= character && character <= last; };
  const bool is_mark = lies_in(0x200E, 0x200F) || lies_in(0x202A, 0x202E) || lies_in(0x2066, 0x2069);
  return is_mark ? std::optional(character) : std::nullopt;
}

}  // namespace

std::string table(const Verdict& verdict, const TerminalStyle& style) {
  const auto all = verdict.size() - verdict.count(Status::Missing) - verdict.count(Status::Extra);
  if (all == 0) return {};
  if (style.rows == 0) return text_of(verdict, all_records(verdict), style);
  if (!verdict.passed) return around_divergence(verdict, style);
  const auto closest = closest_to_threshold(verdict);
  return closest.empty() ? std::string() : text_of(verdict, closest, style);
}

std::string printable(std::string_view text) {
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0u;
    const bool is_c1_control = byte == 0xC2 && next >= 0x80 && next < 0xA0;  // U+0080 to U+009F in UTF-8
    if (is_c1_control) {
      shown += fmt::format("\\x{:02x}", next);
      ++i;
    } else if (byte < 0x20 || byte == 0x7f) {
      shown += fmt::format("\\x{:02x}", byte);
    } else if (const auto mark = direction_mark(text.substr(i))) {
      shown += fmt::format("\\u{:04x}", *mark);
      i += *mark < 0x800 ? 1 : 2;
    } else {
      shown += text[i];
    }
  }
  return shown;
}

}  // namespace fvhooks::internal
