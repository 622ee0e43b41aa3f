#include "diff/find_map_alignment.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <unordered_set>

namespace fvhooks::internal {
namespace {

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

struct ChainEnd {
  double score = 0;
  std::size_t fit = kNone;
};

// The best chain that ends before a place of the port (a Fenwick tree of maxima).
class BestBefore {
 public:
  explicit BestBefore(std::size_t places) : tree_(places + 1) {}
  ChainEnd get(std::size_t place) const {
    ChainEnd best;
    for (auto i = place; i != 0; i &= i - 1) {
      if (tree_[i].score > best.score) best = tree_[i];
    }
    return best;
  }
  void put(std::size_t place, ChainEnd end) {
    for (auto i = place + 1; i < tree_.size(); i += i & (~i + 1)) {
      if (end.score > tree_[i].score) tree_[i] = end;
    }
  }

 private:
  std::vector<ChainEnd> tree_;
};

}  // namespace

std::vector<std::size_t> heaviest_chain(const std::vector<Fit>& fits) {
  std::vector<std::size_t> order(fits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // Of one module of the reference the last of the port first, so that it never follows itself.
  std::sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) {
    return fits[x].reference != fits[y].reference ? fits[x].reference < fits[y].reference : fits[x].port > fits[y].port;
  });
  std::size_t places = 0;
  for (const auto& fit : fits) places = std::max(places, fit.port + 1);
  BestBefore best(places);
  std::vector<std::size_t> previous(fits.size(), kNone);
  for (const auto i : order) {
    const auto before = best.get(fits[i].port);
    previous[i] = before.fit;
    best.put(fits[i].port, {before.score + fits[i].score, i});
  }
  std::vector<std::size_t> chain;
  for (auto i = best.get(places).fit; i != kNone; i = previous[i]) chain.push_back(i);
  std::reverse(chain.begin(), chain.end());
  return chain;
}

std::vector<Fit> one_to_one(const std::vector<Fit>& fits) {
  std::vector<Fit> taken;
  std::unordered_set<std::size_t> reference, port;
  const auto take = [&](const Fit& fit) {
    if (reference.contains(fit.reference) || port.contains(fit.port)) return;
    reference.insert(fit.reference);
    port.insert(fit.port);
    taken.push_back(fit);
  };
  for (const auto i : heaviest_chain(fits)) take(fits[i]);
  std::vector<Fit> rest = fits;
  std::stable_sort(rest.begin(), rest.end(), [](const Fit& a, const Fit& b) { return a.score > b.score; });
  for (const auto& fit : rest) take(fit);
  return taken;
}

std::vector<Fit> align(const Gap& gap, const std::function<std::optional<double>(std::size_t, std::size_t)>& score) {
  constexpr std::size_t kCells = std::size_t{1} << 24;
  const auto rows = gap.reference.size(), columns = gap.port.size();
  if (rows == 0 || columns == 0) return {};
  const auto width = std::min(columns, std::max<std::size_t>(kCells / rows, 64));
  // The columns of row r: `width` of them around the diagonal.
  const auto first_column = [&](std::size_t row) {
    const auto centre = row * columns / rows;
    return std::min(centre - std::min(centre, width / 2), columns - width);
  };
  enum class Move : std::uint8_t { Stop, Pair, Up, Left };
  std::vector<Move> moves(rows * width, Move::Stop);
  std::vector<double> above(columns + 1, 0), here(columns + 1, 0);  // best of the first r rows and c columns
  std::vector<double> pair_scores;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto first = first_column(row);
    std::copy(above.begin(), above.begin() + static_cast<std::ptrdiff_t>(first) + 1, here.begin());
    for (std::size_t column = first; column < first + width; ++column) {
      auto best = above[column + 1];
      auto move = Move::Up;
      if (here[column] > best) best = here[column], move = Move::Left;
      if (const auto pair = score(gap.reference[row], gap.port[column]); pair && above[column] + *pair > best) {
        best = above[column] + *pair, move = Move::Pair;
      }
      here[column + 1] = best;
      moves[row * width + column - first] = move;
    }
    std::fill(here.begin() + static_cast<std::ptrdiff_t>(first + width) + 1, here.end(), here[first + width]);
    std::swap(above, here);
  }
  std::vector<Fit> pairs;
  for (auto row = rows, column = columns; row != 0 && column != 0;) {
    const auto first = first_column(row - 1);
    if (column > first + width) {
      column = first + width;
      continue;
    }
    const auto move = column <= first ? Move::Up : moves[(row - 1) * width + column - 1 - first];
    if (move == Move::Pair) {
      const auto i = gap.reference[--row], j = gap.port[--column];
      pairs.push_back({i, j, score(i, j).value_or(0), std::nullopt, false});
    } else if (move == Move::Left) {
      --column;
    } else {
      --row;
    }
  }
  return pairs;
}

}  // namespace fvhooks::internal
