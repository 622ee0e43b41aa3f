#include "rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace fvtrace {
namespace {

bool is_text(const std::string& title) {
  constexpr std::array<std::string_view, 6> kTexts = {"module", "tensor", "run", "root", "shape", "dtype"};
  return std::ranges::find(kTexts, title) != kTexts.end();
}

std::size_t code_points(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

class PrintedRows : public Rows {
 public:
  PrintedRows(std::vector<std::string> titles, std::optional<std::size_t> most)
      : titles_(std::move(titles)), most_(most) {}

  bool add(ShownRow row) override {
    if (most_ && count_ == *most_) return false;
    ++count_;
    constexpr std::size_t kSettled = 200;
    held_.push_back(std::move(row.cells));
    if (held_.size() >= kSettled && flush() != Written::Whole) return false;
    return !most_ || count_ < *most_;
  }

  Written flush() override {
    std::string text;
    if (widths_.empty() && !held_.empty()) settle(text);
    for (const auto& cells : held_) append(text, cells);
    held_.clear();
    if (result_ == Written::Whole) result_ = write_out(text);
    return result_;
  }

 private:
  bool is_table() const { return !titles_.empty(); }

  void settle(std::string& text) {
    for (std::size_t i = 0; i < held_.front().size(); ++i) {
      std::size_t width = is_table() ? titles_[i].size() : 0;
      for (const auto& cells : held_) width = std::max(width, code_points(cells[i]));
      widths_.push_back(width);
    }
    if (is_table()) append(text, titles_);
  }

  void append(std::string& text, const std::vector<std::string>& cells) const {
    if (!is_table()) {
      text += cells.front() + "\n";
      return;
    }
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const auto padding = std::string(widths_[i] - std::min(widths_[i], code_points(cells[i])), ' ');
      if (i > 0) text += "  ";
      text += is_text(titles_[i]) ? cells[i] + padding : padding + cells[i];
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }

  std::vector<std::string> titles_;
  std::optional<std::size_t> most_;
  std::size_t count_ = 0;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> held_;
  Written result_ = Written::Whole;
};

class LastRows : public Rows {
 public:
  LastRows(std::size_t count, std::unique_ptr<Rows> next) : count_(count), next_(std::move(next)) {}

  bool add(ShownRow row) override {
    if (is_flushed_) return next_->add(std::move(row));
    if (count_ == 0) return true;
    if (kept_.size() == count_) kept_.pop_front();
    kept_.push_back(std::move(row));
    return true;
  }
  Written flush() override {
    is_flushed_ = true;
    for (auto& row : kept_) next_->add(std::move(row));
    kept_.clear();
    return next_->flush();
  }

 private:
  std::size_t count_;
  bool is_flushed_ = false;
  std::deque<ShownRow> kept_;
  std::unique_ptr<Rows> next_;
};

class SortedRows : public Rows {
  struct Kept {
    ShownRow row;
    std::size_t place = 0;  // among equals, the order of the file
  };
  auto order() const {
    return [is_descending = is_descending_](const Kept& a, const Kept& b) {
      if (comes_before(a.row.key, b.row.key, is_descending)) return true;
      if (comes_before(b.row.key, a.row.key, is_descending)) return false;
      return a.place < b.place;
    };
  }

 public:
  SortedRows(std::optional<std::size_t> count, bool is_descending, std::unique_ptr<Rows> next)
      : count_(count), is_descending_(is_descending), next_(std::move(next)) {}

  bool add(ShownRow row) override {
    kept_.push_back({std::move(row), added_++});
    if (!count_) return true;
    std::ranges::push_heap(kept_, order());
    if (kept_.size() <= *count_) return true;
    std::ranges::pop_heap(kept_, order());
    kept_.pop_back();
    return true;
  }
  Written flush() override {
    std::ranges::sort(kept_, order());
    for (auto& [row, place] : kept_) next_->add(std::move(row));
    kept_.clear();
    return next_->flush();
  }

 private:
  std::optional<std::size_t> count_;
  bool is_descending_;
  std::unique_ptr<Rows> next_;
  std::vector<Kept> kept_;  // a heap, the one that comes last on top, where count_ says how many
  std::size_t added_ = 0;
};

}  // namespace

std::unique_ptr<Rows> printed_rows(std::vector<std::string> titles, std::optional<std::size_t> most) {
  return std::make_unique<PrintedRows>(std::move(titles), most);
}
std::unique_ptr<Rows> last_rows(std::size_t count, std::unique_ptr<Rows> next) {
  return std::make_unique<LastRows>(count, std::move(next));
}
std::unique_ptr<Rows> sorted_rows(std::optional<std::size_t> count, bool is_descending, std::unique_ptr<Rows> next) {
  return std::make_unique<SortedRows>(count, is_descending, std::move(next));
}

}  // namespace fvtrace
