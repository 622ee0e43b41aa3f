#include "view/view_plan.h"

#include <algorithm>
#include <utility>

namespace fvhooks::internal {
namespace {

// Splits and repeats multiply.
constexpr std::size_t kMaxParts = 65536;

Expected<std::size_t> dimension_of(const Layout& layout, std::int64_t dimension) {
  const auto count = static_cast<std::int64_t>(layout.sizes.size());
  const auto from_front = dimension < 0 ? dimension + count : dimension;
  if (0 <= from_front && from_front < count) return static_cast<std::size_t>(from_front);
  return Error{"there is no dimension " + std::to_string(dimension)};
}

std::string dimension_text(const Layout& layout, std::size_t dimension) {
  return "dimension " + std::to_string(dimension) + " of " + std::to_string(layout.sizes[dimension]) + " elements";
}

// The values of sizes, of which one may be -1, for what the others leave of `whole`: as a factor or as a summand.
enum class Rest : std::uint8_t { Factor, Summand };
Expected<std::vector<std::int64_t>> values_of(const std::vector<Size>& sizes, const Layout& layout, std::int64_t whole,
                                              Rest rest) {
  std::vector<std::int64_t> values;
  std::int64_t others = rest == Rest::Factor ? 1 : 0;
  for (const auto& size : sizes) {
    const auto value = size.evaluate(layout.sizes);
    if (!value) return value.error();
    values.push_back(*value);
    if (size.number() == -1) continue;
    const bool overflows = rest == Rest::Factor ? __builtin_mul_overflow(others, *value, &others)
                                                : __builtin_add_overflow(others, *value, &others);
    if (overflows) return Error{"the sizes are too large"};
  }
  const auto left = std::ranges::find(values, -1);
  const bool is_short = rest == Rest::Factor ? others == 0 || whole % others != 0 : others > whole;
  const bool fits = left == values.end() ? others == whole : !is_short;
  if (!fits) {
    return Error{std::to_string(whole) + " elements cannot be shared out among sizes of " + std::to_string(others)};
  }
  if (left != values.end()) *left = rest == Rest::Factor ? whole / others : whole - others;
  return values;
}

std::int64_t numel(const Layout& layout) {
  std::int64_t count = 1;
  for (const auto size : layout.sizes) count *= size;
  return count;
}

class Planner {
 public:
  Planner(const std::vector<std::string>& groups, ViewPart whole) : groups_(groups) {
    plan_.parts.push_back(std::move(whole));
  }

  std::optional<Error> apply(const Operation& operation) {
    std::vector<ViewPart> made;
    for (auto& part : plan_.parts) {
      auto error = std::visit([&](const auto& each) { return add(each, std::move(part), made); }, operation);
      if (error) return error;
      if (made.size() > kMaxParts) return Error{"there are more than " + std::to_string(kMaxParts) + " parts"};
    }
    plan_.parts = std::move(made);
    return {};
  }

  ViewPlan take() { return std::move(plan_); }

 private:
  using Parts = std::vector<ViewPart>;

  std::optional<Error> add(const Permute& permute, ViewPart part, Parts& made) const;
  std::optional<Error> add(const Reshape& reshape, ViewPart part, Parts& made);
  std::optional<Error> add(const Slice& slice, ViewPart part, Parts& made) const;
  std::optional<Error> add(const Chunk& chunk, ViewPart part, Parts& made) const;
  std::optional<Error> add(const Split& split, ViewPart part, Parts& made) const;
  std::optional<Error> add(const Repeat& repeat, ViewPart part, Parts& made) const;

  void add_split(const ViewPart& part, std::size_t dimension, std::span<const std::int64_t> sizes,
                 const Targets& targets, Parts& made) const;
  // The part as the i-th target; not if that is nothing.
  void add_as(const Targets& targets, std::int64_t i, ViewPart part, Parts& made) const;

  const std::vector<std::string>& groups_;
  ViewPlan plan_;
};

std::optional<Error> Planner::add(const Permute& permute, ViewPart part, Parts& made) const {
  std::vector<std::size_t> order;
  for (const auto each : permute.order) {
    const auto dimension = dimension_of(part.layout, each);
    if (!dimension) return dimension.error();
    if (std::ranges::find(order, *dimension) != order.end()) {
      return Error{"permute names dimension " + std::to_string(*dimension) + " twice"};
    }
    order.push_back(*dimension);
  }
  if (order.size() != part.layout.sizes.size()) {
    return Error{"permute has " + std::to_string(order.size()) + " dimensions where there are " +
                 std::to_string(part.layout.sizes.size())};
  }
  part.layout = permuted(part.layout, order);
  made.push_back(std::move(part));
  return {};
}

std::optional<Error> Planner::add(const Reshape& reshape, ViewPart part, Parts& made) {
  const auto sizes = values_of(reshape.sizes, part.layout, numel(part.layout), Rest::Factor);
  if (!sizes) return sizes.error();
  auto layout = reshaped(part.layout, *sizes);
  if (!layout) {
    plan_.copies.push_back({part.source, std::move(part.layout)});
    part.source = plan_.copies.size();
    layout = contiguous_layout(*sizes);
  }
  part.layout = *std::move(layout);
  made.push_back(std::move(part));
  return {};
}

std::optional<Error> Planner::add(const Slice& slice, ViewPart part, Parts& made) const {
  const auto dimension = dimension_of(part.layout, slice.dimension);
  if (!dimension) return dimension.error();
  const auto size = part.layout.sizes[*dimension];
  std::int64_t bounds[] = {0, size};
  const std::optional<Size>* const given[] = {&slice.from, &slice.to};
  for (int i = 0; i < 2; ++i) {
    if (!*given[i]) continue;
    const auto value = (*given[i])->evaluate(part.layout.sizes);
    if (!value) return value.error();
    bounds[i] = *value < 0 ? *value + size : *value;
  }
  const auto [from, to] = bounds;
  if (from < 0 || from > to || to > size) {
    return Error{std::to_string(from) + ":" + std::to_string(to) + " is not within " +
                 dimension_text(part.layout, *dimension)};
  }
  part.layout = sliced(part.layout, *dimension, from, (to - from + slice.step - 1) / slice.step, slice.step);
  made.push_back(std::move(part));
  return {};
}

std::optional<Error> Planner::add(const Chunk& chunk, ViewPart part, Parts& made) const {
  const auto dimension = dimension_of(part.layout, chunk.dimension);
  if (!dimension) return dimension.error();
  const auto count = count_of(chunk.into);
  const auto size = part.layout.sizes[*dimension];
  if (size % count != 0) {
    return Error{dimension_text(part.layout, *dimension) + " has no " + std::to_string(count) + " equal parts"};
  }
  const std::vector<std::int64_t> sizes(static_cast<std::size_t>(count), size / count);
  add_split(part, *dimension, sizes, chunk.into, made);
  return {};
}

std::optional<Error> Planner::add(const Split& split, ViewPart part, Parts& made) const {
  const auto dimension = dimension_of(part.layout, split.dimension);
  if (!dimension) return dimension.error();
  const auto sizes = values_of(split.sizes, part.layout, part.layout.sizes[*dimension], Rest::Summand);
  if (!sizes) return sizes.error();
  add_split(part, *dimension, *sizes, split.into, made);
  return {};
}

std::optional<Error> Planner::add(const Repeat& repeat, ViewPart part, Parts& made) const {
  for (std::int64_t i = 0; i < count_of(repeat.into); ++i) add_as(repeat.into, i, part, made);
  return {};
}

void Planner::add_split(const ViewPart& part, std::size_t dimension, std::span<const std::int64_t> sizes,
                        const Targets& targets, Parts& made) const {
  std::int64_t from = 0, i = 0;
  for (const auto size : sizes) {
    auto piece = part;
    piece.layout = sliced(part.layout, dimension, from, size, /*step=*/1);
    from += size;
    add_as(targets, i++, std::move(piece), made);
  }
}

void Planner::add_as(const Targets& targets, std::int64_t i, ViewPart part, Parts& made) const {
  if (const auto* const calls = std::get_if<Calls>(&targets)) {
    part.call = part.call * static_cast<std::uint64_t>(calls->count) + static_cast<std::uint64_t>(i);
  } else if (const auto* const ranks = std::get_if<Ranks>(&targets)) {
    part.rank = part.rank.value_or(0) * ranks->count + i;
  } else {
    const auto& target = std::get<std::vector<Target>>(targets)[static_cast<std::size_t>(i)];
    if (!target.module) return;
    part.module = target.module->expand(groups_);
    if (target.label) part.label = *target.label;
  }
  made.push_back(std::move(part));
}

}  // namespace

Expected<ViewPlan> plan_view(const ViewRule& rule, const std::vector<std::string>& groups, ViewPart whole) {
  Planner planner(groups, std::move(whole));
  for (const auto& operation : rule.operations) {
    if (auto error = planner.apply(operation)) return *std::move(error);
  }
  return planner.take();
}

}  // namespace fvhooks::internal
