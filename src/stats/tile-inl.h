// The kernel of a tile (docs/statistics.md), compiled once for each SIMD target. A target with vectors shorter than a
// row of 16 lanes takes the rows' first lanes of the whole tile, then the next ones.
#if defined(FVHOOKS_STATS_TILE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef FVHOOKS_STATS_TILE_INL_H
#undef FVHOOKS_STATS_TILE_INL_H
#else
#define FVHOOKS_STATS_TILE_INL_H
#endif

#include <bit>
#include <cstring>

#include "stats/sketch-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fvhooks::internal::HWY_NAMESPACE {

// What needs no mean.
struct Survey {
  double sum, magnitude;
  double min, max, abs_min;  // mean nothing beside a NaN

  bool all_finite() const { return magnitude < std::numeric_limits<double>::infinity(); }  // false: perhaps
  double abs_max() const { return max > -min ? max : -min; }
};

// Compares bits as integers, for which a processor has more units than for floats. Negative numbers are in reverse
// order then: the largest signed integer is the maximum unless all are negative, the largest unsigned one the minimum
// unless none is, and else they are those of the smallest magnitude.
template <class T, bool kWhole>
class Extremes {
 public:
  HWY_INLINE Extremes()
      : signed_max_(hn::Set(Tag<Signed>(), std::numeric_limits<Signed>::min())),
        unsigned_max_(hn::Zero(Tag<Unsigned>())),
        magnitude_min_(hn::Set(Tag<Unsigned>(), std::numeric_limits<Unsigned>::max())) {}

  HWY_INLINE void Take(Vec<T> x, Vec<T> magnitude, std::size_t first, std::size_t count) {
    const Tag<Signed> d;
    const Tag<Unsigned> du;
    const auto bits = hn::BitCast(du, x), magnitude_bits = hn::BitCast(du, magnitude);
    if constexpr (kWhole) {
      signed_max_ = hn::Max(signed_max_, hn::BitCast(d, bits));
      unsigned_max_ = hn::Max(unsigned_max_, bits);
      magnitude_min_ = hn::Min(magnitude_min_, magnitude_bits);
    } else {
      const auto present = hn::FirstN(du, first < count ? count - first : 0);
      const auto lowest = hn::Set(d, std::numeric_limits<Signed>::min());
      signed_max_ = hn::Max(signed_max_, hn::IfThenElse(hn::RebindMask(d, present), hn::BitCast(d, bits), lowest));
      unsigned_max_ = hn::Max(unsigned_max_, hn::IfThenElseZero(present, bits));
      magnitude_min_ = hn::Min(magnitude_min_, hn::IfThenElse(present, magnitude_bits, hn::Not(hn::Zero(du))));
    }
  }

  HWY_INLINE double Max() const {
    const Signed bits = hn::GetLane(hn::MaxOfLanes(Tag<Signed>(), signed_max_));
    return bits < 0 ? -AbsMin() : static_cast<double>(std::bit_cast<T>(bits));
  }
  HWY_INLINE double Min() const {
    const Unsigned bits = hn::GetLane(hn::MaxOfLanes(Tag<Unsigned>(), unsigned_max_));
    return static_cast<Signed>(bits) < 0 ? static_cast<double>(std::bit_cast<T>(bits)) : AbsMin();
  }
  HWY_INLINE double AbsMin() const {
    return static_cast<double>(std::bit_cast<T>(hn::GetLane(hn::MinOfLanes(Tag<Unsigned>(), magnitude_min_))));
  }

 private:
  using Signed = hwy::MakeSigned<T>;
  using Unsigned = hwy::MakeUnsigned<T>;

  Vec<Signed> signed_max_;
  Vec<Unsigned> unsigned_max_, magnitude_min_;
};

// The first rows, in whole trees, that hold all elements. What lies behind would add +0 to sums that start at +0, which
// changes no bit.
template <bool kWhole>
HWY_INLINE std::size_t EndOfTrees(std::size_t count) {
  return kWhole ? kTile : (count + kTree - 1) / kTree * kTree;
}

template <bool kWhole, class Source>
HWY_INLINE Survey Surveyed(const Source& x, std::size_t count) {
  using V = decltype(x(0));
  using T = hn::TFromV<V>;
  Extremes<T, kWhole> extremes;
  const std::size_t end = EndOfTrees<kWhole>(count);
  alignas(64) double sums[kLanes], magnitudes[kLanes];
  for (std::size_t lane = 0; lane < kLanes; lane += kVec<T>) {
    LaneSums<T> sum, magnitude;
    for (std::size_t at = lane; at < end; at += kTree) {
      if (kWhole && lane == 0) x.Prefetch(at);
      V a[8];
      for (std::size_t row = 0; row < 8; row += 2) {
        const V even = x(at + row * kLanes), odd = x(at + (row + 1) * kLanes);
        sum.Add(hn::Add(even, odd));
        a[row] = hn::Abs(even);
        a[row + 1] = hn::Abs(odd);
        extremes.Take(even, a[row], at + row * kLanes, count);
        extremes.Take(odd, a[row + 1], at + (row + 1) * kLanes, count);
      }
      magnitude.Add(Tree(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]));
    }
    sum.Store(sums + lane);
    magnitude.Store(magnitudes + lane);
  }
  return {.sum = Reduced(sums),
          .magnitude = Reduced(magnitudes),
          .min = extremes.Min(),
          .max = extremes.Max(),
          .abs_min = extremes.AbsMin()};
}

template <class T>
HWY_NOINLINE std::uint64_t CountedZeros(const T* x, std::size_t count) {
  const Tag<T> d;
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < kTile; i += kVec<T>) {
    zeros += hn::CountTrue(d, hn::Eq(hn::LoadU(d, x + i), hn::Zero(d)));
  }
  return zeros - (kTile - count);
}

// Of finite elements.
template <class T>
HWY_INLINE Census CensusOf(const Survey& survey, const T* x, std::size_t count) {
  return {.nan = 0,
          .inf = 0,
          .zeros = survey.abs_min == 0 ? CountedZeros(x, count) : 0,
          .min = survey.min,
          .max = survey.max};
}

// Sums of the deviations from a number near the mean, and of their squares.
struct Deviations {
  double first, second;
};

template <bool kWhole, class T>
HWY_INLINE Deviations DeviationsFrom(T provisional, const T* x, std::size_t count) {
  const Tag<T> d;
  const auto minus_p = hn::Set(d, -provisional);
  const std::size_t end = EndOfTrees<kWhole>(count);
  alignas(64) double firsts[kLanes], seconds[kLanes];
  for (std::size_t lane = 0; lane < kLanes; lane += kVec<T>) {
    LaneSums<T> first, second;
    for (std::size_t at = lane; at < end; at += kTree) {
      Vec<T> a[8];
      HWY_UNROLL(8)
      for (std::size_t row = 0; row < 8; ++row) {
        const std::size_t i = at + row * kLanes;
        a[row] = AddOnMultiplier(hn::LoadU(d, x + i), minus_p);
        if constexpr (!kWhole) a[row] = hn::IfThenElseZero(hn::FirstN(d, i < count ? count - i : 0), a[row]);
      }
      first.Add(Tree(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]));
      second.Add(Tree(hn::Mul(a[0], a[0]), hn::Mul(a[1], a[1]), hn::Mul(a[2], a[2]), hn::Mul(a[3], a[3]),
                      hn::Mul(a[4], a[4]), hn::Mul(a[5], a[5]), hn::Mul(a[6], a[6]), hn::Mul(a[7], a[7])));
    }
    first.Store(firsts + lane);
    second.Store(seconds + lane);
  }
  return {Reduced(firsts), Reduced(seconds)};
}

template <bool kWhole, class T>
HWY_INLINE Moments MomentsOf(const Survey& survey, const T* x, std::size_t count) {
  const auto m = static_cast<double>(count);
  const T provisional = static_cast<T>(survey.sum / m);
  const Deviations d = DeviationsFrom<kWhole>(provisional, x, count);
  const double m2 = d.second - d.first * d.first / m;
  return {.count = count,
          .sum = survey.sum,
          .magnitude = survey.magnitude,
          .mean = static_cast<double>(provisional) + d.first / m,
          .m2 = m2 < 0 ? 0 : m2};
}

// Missing elements are zeros, and so finite.
HWY_NOINLINE void CountNonFinite(const double* x, Census& census) {
  const Tag<double> d;
  for (std::size_t i = 0; i < kTile; i += kVec<double>) {
    const auto element = hn::LoadU(d, x + i);
    census.nan += hn::CountTrue(d, hn::IsNaN(element));
    census.inf += hn::CountTrue(d, hn::IsInf(element));
  }
}

HWY_NOINLINE void AddFiniteToSketch(const double* x, std::uint64_t tile, double* sums) {
  const Tag<double> d;
  alignas(64) double finite[kTile];
  for (std::size_t i = 0; i < kTile; i += kVec<double>) {
    const auto element = hn::LoadU(d, x + i);
    hn::Store(hn::IfThenElseZero(hn::IsFinite(element), element), d, finite + i);
  }
  AddWideToSketch(finite, TileHash(tile), sums);
}

// In float64. `x` holds kTile elements; missing ones are +0.
HWY_NOINLINE TileSums WideTile(const double* x, std::size_t count, std::uint64_t tile, double* sketch) {
  const Survey survey = Surveyed<false>(InPlace<double>{x}, count);
  Census census = CensusOf(survey, x, count);
  if (!survey.all_finite()) CountNonFinite(x, census);
  if (sketch && census.all_finite()) AddWideToSketch(x, TileHash(tile), sketch);
  if (sketch && !census.all_finite()) AddFiniteToSketch(x, tile, sketch);
  return {census, MomentsOf<false>(survey, x, count)};
}

HWY_NOINLINE TileSums WideTile(const float* x, std::size_t count, std::uint64_t tile, double* sketch) {
  const Tag<double> d;
  alignas(64) double wide[kTile];
  for (std::size_t i = 0; i < kTile; i += kVec<double>) {
    hn::Store(hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, Tag<double>>(), x + i)), d, wide + i);
  }
  return WideTile(wide, count, tile, sketch);
}

// In float32 if it may be.
template <bool kWhole, class Source>
HWY_INLINE TileSums FloatTile(const Source& source, std::size_t count, std::uint64_t tile, double* sketch) {
  const TileHash hash(tile);  // early, to be there when it is needed
  const Survey survey = Surveyed<kWhole>(source, count);
  const float* x = source.elements;
  if (!survey.all_finite() || !is_narrow(survey.abs_max())) return WideTile(x, count, tile, sketch);
  // Before the deviations, for the processor to have something to do until the mean is known.
  if (sketch) AddNarrowToSketch(x, survey.abs_max(), hash, sketch);
  return {CensusOf(survey, x, count), MomentsOf<kWhole>(survey, x, count)};
}

template <bool kWhole, class Stored>
HWY_NOINLINE TileSums DecodedTile(Stored, const std::byte* stored, std::size_t count, std::uint64_t tile,
                                  double* sketch) {
  alignas(64) float elements[kTile];
  if constexpr (!kWhole) std::memset(elements, 0, sizeof elements);  // only trees with elements are decoded
  return FloatTile<kWhole>(Decoding<Stored>{stored, elements}, count, tile, sketch);
}

// `stored` holds kTile numbers.
template <bool kWhole>
HWY_INLINE TileSums AddStored(DType dtype, const std::byte* stored, std::size_t count, std::uint64_t tile,
                              double* sketch) {
  switch (dtype) {
    case DType::Float32:
      return FloatTile<kWhole>(InPlace<float>{reinterpret_cast<const float*>(stored)}, count, tile, sketch);
    case DType::Float16:
      return DecodedTile<kWhole>(Half(), stored, count, tile, sketch);
    case DType::BFloat16:
      return DecodedTile<kWhole>(BrainFloat(), stored, count, tile, sketch);
    case DType::Float8E4M3FN:
      return DecodedTile<kWhole>(Float8E4M3FN(), stored, count, tile, sketch);
    case DType::Float8E5M2:
      return DecodedTile<kWhole>(Float8E5M2(), stored, count, tile, sketch);
    default:
      return WideTile(reinterpret_cast<const double*>(stored), count, tile, sketch);
  }
}

HWY_NOINLINE TileSums AddTile(DType dtype, const std::byte* stored, std::size_t count, std::uint64_t tile,
                              double* sketch) {
  if (count == kTile) return AddStored<true>(dtype, stored, count, tile, sketch);
  alignas(64) std::byte padded[kTile * sizeof(double)];
  std::memset(padded, 0, kTile * item_size(dtype));
  std::memcpy(padded, stored, count * item_size(dtype));
  return AddStored<false>(dtype, padded, count, tile, sketch);
}

}  // namespace fvhooks::internal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
